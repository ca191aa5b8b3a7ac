import type { QueryClient } from "@tanstack/react-query";
import { showToast } from "@/components/ui/toaster";
import { ApiError, errorMessage } from "@/lib/api/client";
import type { Task } from "@/lib/task";
import { applyTaskChange } from "./task-cache";
import { readTask } from "./tasks";

/** Returns a task as it is now, or null after telling the user why it cannot be read. Loaded when it is needed. */
export async function readLatest(queryClient: QueryClient, id: string): Promise<Task | null> {
  try {
    const task = await readTask(id);
    applyTaskChange(queryClient, { type: "put", task });
    return task;
  } catch (error) {
    const isGone = error instanceof ApiError && error.status === 404;
    showToast({ message: isGone ? "This task was deleted." : errorMessage(error) });
    return null;
  }
}
