"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type { ToolResult } from "@/features/chat/use-conversation";
import type { TaskActions } from "@/features/tasks/api/task-actions";
import { applyTaskChange, findCachedTask } from "@/features/tasks/api/task-cache";
import { isTask, type Task } from "@/lib/task";

/**
 * Returns a callback that shows a result of the chat's tools in the task list. The callback returns a function that
 * undoes the result, or null when the tool changed nothing.
 */
export function useToolResults(actions: TaskActions) {
  const queryClient = useQueryClient();
  return useCallback(
    ({ toolName, output }: ToolResult): (() => Promise<boolean>) | null => {
      const task = (output as { task?: unknown } | null)?.task;
      if (!isTask(task)) return null;
      const before = findCachedTask(queryClient, task.id);
      applyTaskChange(
        queryClient,
        toolName === "delete_task" ? { type: "remove", id: task.id } : { type: "put", task },
      );
      return undoOf(toolName, task, before, actions);
    },
    [queryClient, actions],
  );
}

function undoOf(
  toolName: string,
  task: Task,
  before: Task | undefined,
  actions: TaskActions,
): (() => Promise<boolean>) | null {
  switch (toolName) {
    case "add_task":
      return () => actions.remove(task);
    case "complete_task":
      return before?.status === "completed" ? null : () => actions.reopen(task);
    case "delete_task":
      return () => actions.restore(task);
    case "update_task": {
      if (!before) return null;
      const { title, description, priority, tags, due_at, all_day } = before;
      return () => actions.putBack(task, { title, description, priority, tags, due_at, all_day });
    }
    default:
      return null;
  }
}
