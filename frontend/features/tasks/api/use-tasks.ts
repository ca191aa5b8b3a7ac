"use client";

import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { listCompletedTasks, listOpenTasks, type TaskPage } from "./tasks";
import { createTaskActions, type TaskActions } from "./task-actions";
import { completedTasksKey, flattenPages, type OpenTaskPages, openTasksKey } from "./task-cache";

/** Returns the open tasks loaded so far, their query, and the recently completed tasks. */
export function useTasks() {
  const open = useInfiniteQuery<TaskPage, Error, OpenTaskPages, typeof openTasksKey, string | null>({
    queryKey: openTasksKey,
    queryFn: ({ pageParam, signal }) => listOpenTasks(pageParam, signal),
    initialPageParam: null,
    getNextPageParam: (page) => page.next_cursor,
  });
  const completed = useQuery({
    queryKey: completedTasksKey,
    queryFn: ({ signal }) => listCompletedTasks(signal),
  });
  const openTasks = useMemo(() => flattenPages(open.data), [open.data]);
  return { open, openTasks, completedTasks: completed.data ?? [] };
}

/** Returns the task actions, the same object for the lifetime of the page. */
export function useTaskActions(): TaskActions {
  const queryClient = useQueryClient();
  return useMemo(() => createTaskActions(queryClient), [queryClient]);
}
