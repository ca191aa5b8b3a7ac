/** The lists as they were last seen, for a start without a connection. */
import type { QueryClient } from "@tanstack/react-query";
import { ApiError } from "@/lib/api/client";
import { readCopy, writeCopy } from "@/lib/private-copy";
import type { Task } from "@/lib/task";
import { applyWaiting } from "./outbox";
import { completedTasksKey, flattenPages, openTasksKey, type TaskPages } from "./task-cache";
import type { TaskPage } from "./tasks";

/** The pause after a change before the list is stored. */
const PAUSE_MS = 1_000;

const keys = [openTasksKey, completedTasksKey];
const nameOf = (key: readonly string[]) => key.join(" ");

/** Returns the stored list as its only page, if the server could not be reached. Otherwise throws the error. */
export async function pageFromCopy(
  key: readonly string[],
  cursor: string | null,
  error: unknown,
): Promise<TaskPage> {
  const isUnreachable = error instanceof ApiError && error.status === 0;
  const items = isUnreachable && cursor === null ? await readCopy<Task[]>(nameOf(key)) : undefined;
  if (!items) throw error;
  return { items, next_cursor: null };
}

/** Stores the lists while they change, and shows what waits in those that load, until the function is called. */
export function startCopying(queryClient: QueryClient): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const changed = new Set<string>();
  const store = () => {
    timer = undefined;
    for (const key of keys.filter((key) => changed.delete(nameOf(key)))) {
      const data = queryClient.getQueryData<TaskPages>(key);
      if (data) void writeCopy(nameOf(key), flattenPages(data));
    }
  };
  const storeSoon = (name: string) => {
    changed.add(name);
    // Thousands of tasks take a moment: they wait for one in which nothing moves.
    timer ??= setTimeout(() => (window.requestIdleCallback ?? setTimeout)(store), PAUSE_MS);
  };
  applyWaiting(queryClient);
  const stop = queryClient.getQueryCache().subscribe((event) => {
    if (event.type !== "updated" || event.action.type !== "success") return;
    const name = nameOf(event.query.queryKey as string[]);
    if (!keys.some((key) => nameOf(key) === name)) return;
    if (!event.action.manual) applyWaiting(queryClient);
    storeSoon(name);
  });
  keys.forEach((key) => storeSoon(nameOf(key)));
  return () => {
    clearTimeout(timer);
    stop();
  };
}
