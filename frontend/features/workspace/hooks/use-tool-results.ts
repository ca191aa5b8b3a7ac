"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type { ToolResult } from "@/features/chat/use-conversation";
import { applyTaskChange, applyUndone, findCachedTask, tasksKey } from "@/features/tasks/api/task-cache";
import type { Undone } from "@/features/tasks/api/tasks";
import { isTask } from "@/lib/task";

/** Returns a callback that shows a result of the chat's tools in the task list. */
export function useToolResults() {
  const queryClient = useQueryClient();
  return useCallback(
    ({ toolName, output }: ToolResult): void => {
      const result = output as { task?: unknown; changes?: unknown } | null;
      if (toolName === "undo" && Array.isArray(result?.changes)) {
        applyUndone(queryClient, result as Undone);
        return;
      }
      const task = result?.task;
      if (!isTask(task)) return;
      const repeats = toolName === "complete_task" && findCachedTask(queryClient, task.id)?.recurrence;
      applyTaskChange(
        queryClient,
        toolName === "delete_task" ? { type: "remove", id: task.id } : { type: "put", task },
      );
      // The next one has been made too.
      if (repeats) void queryClient.invalidateQueries({ queryKey: tasksKey });
    },
    [queryClient],
  );
}
