/** Changes of many tasks with one request, which are one step to undo. Loaded when they are needed. */
import type { QueryClient } from "@tanstack/react-query";
import { showToast } from "@/components/ui/toaster";
import { callApi, errorMessage } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import type { Task } from "@/lib/task";
import { applyTaskChange, applyUndone, tasksKey } from "./task-cache";
import { undoChange } from "./tasks";

type BulkRequest = components["schemas"]["BulkRequest"];
type BulkOut = components["schemas"]["BulkOut"];
export type ManyChange = Pick<BulkRequest, "action" | "changes"> & {
  /** What happened to the tasks: "Completed", or "Moved" with the end "to today". */
  done: string;
  end?: string;
};

/** The most tasks that the server changes at once. */
const AT_ONCE = 500;

/** Changes tasks, says so with a way to undo it, and returns whether it succeeded. */
export async function changeMany(
  queryClient: QueryClient,
  tasks: readonly Task[],
  change: ManyChange,
): Promise<boolean> {
  const steps: string[] = [];
  const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { done, end, ...wanted } = change;
  const say = (message: string, retry?: () => void) =>
    showToast({
      message,
      ...(retry && { tone: "error" as const, action: { label: "Try again", run: retry } }),
      ...(!retry &&
        steps.length > 0 && { action: { label: "Undo", run: () => void undo(queryClient, steps) } }),
    });
  try {
    for (let start = 0; start < tasks.length; start += AT_ONCE) {
      const ids = tasks.slice(start, start + AT_ONCE).map(({ id }) => id);
      const body: BulkRequest = { ...wanted, ids, time_zone };
      const changed = await callApi<BulkOut>("/api/tasks/bulk", { method: "POST", body });
      if (changed.step) steps.push(changed.step);
      for (const task of changed.tasks) {
        const isGone = wanted.action === "delete";
        applyTaskChange(queryClient, isGone ? { type: "remove", id: task.id } : { type: "put", task });
      }
    }
  } catch (error) {
    say(`Nothing was changed. ${errorMessage(error)}`, () => void changeMany(queryClient, tasks, change));
    return false;
  }
  const count = tasks.length === 1 ? "1 task" : `${tasks.length} tasks`;
  say([done, count, end].filter(Boolean).join(" "));
  // A task that repeats is followed by the next one.
  if (tasks.some(({ recurrence }) => recurrence)) await queryClient.invalidateQueries({ queryKey: tasksKey });
  return true;
}

async function undo(queryClient: QueryClient, steps: readonly string[]): Promise<void> {
  try {
    for (const step of steps.toReversed()) applyUndone(queryClient, await undoChange({ step }));
  } catch (error) {
    const retry = { label: "Try again", run: () => void undo(queryClient, steps) };
    showToast({ message: `Not undone. ${errorMessage(error)}`, tone: "error", action: retry });
  }
}
