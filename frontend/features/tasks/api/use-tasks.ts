"use client";

import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { listCompletedTasks, listOpenTasks, type TaskPage } from "./tasks";
import { createTaskActions, type TaskActions } from "./task-actions";
import { completedTasksKey, flattenPages, openTasksKey, type TaskPages } from "./task-cache";

type PagesKey = typeof openTasksKey | typeof completedTasksKey;

function useTaskPages(key: PagesKey, list: typeof listOpenTasks) {
  return useInfiniteQuery<TaskPage, Error, TaskPages, PagesKey, string | null>({
    queryKey: key,
    queryFn: ({ pageParam, signal }) =>
      list(pageParam, signal).catch(async (error: unknown) => {
        const { pageFromCopy } = await import("./offline-copy");
        return pageFromCopy(key, pageParam, error);
      }),
    initialPageParam: null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

/**
 * Returns the open and the completed tasks loaded so far, and their queries. All open tasks load, page by page, so that
 * views change and count without a request; completed tasks load as far as somebody looks.
 */
export function useTasks() {
  const open = useTaskPages(openTasksKey, listOpenTasks);
  const completed = useTaskPages(completedTasksKey, listCompletedTasks);
  const { hasNextPage, isFetching, isError, fetchNextPage } = open;
  useEffect(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [hasNextPage, isFetching, isError, fetchNextPage]);
  const openTasks = useMemo(() => flattenPages(open.data), [open.data]);
  const completedTasks = useMemo(() => flattenPages(completed.data), [completed.data]);
  return { open, openTasks, completed, completedTasks };
}

/** Returns the open tasks loaded so far. */
export function useOpenTasks() {
  const { data } = useTaskPages(openTasksKey, listOpenTasks);
  return useMemo(() => flattenPages(data), [data]);
}

/** Returns the task actions, the same object for the lifetime of the page. */
export function useTaskActions(): TaskActions {
  const queryClient = useQueryClient();
  return useMemo(() => createTaskActions(queryClient), [queryClient]);
}
