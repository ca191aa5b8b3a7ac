/**
 * The cached tasks: pages of open and of completed ones, in the server's order. Changes by the user and by the chat go
 * through here, so that the list shows them without another request.
 */
import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { Task } from "@/lib/task";
import type { TaskPage, Undone } from "./tasks";

export type TaskPages = InfiniteData<TaskPage, string | null>;

export type TaskChange = { type: "put"; task: Task } | { type: "remove"; id: string };

export const tasksKey = ["tasks"] as const;
export const openTasksKey = [...tasksKey, "open"] as const;
export const completedTasksKey = [...tasksKey, "completed"] as const;

/** The tasks that this window has removed. */
const removed = new Set<string>();

/** Returns whether this window knows a change of a task already, because it made it or has read it. */
export function isKnownChange(queryClient: QueryClient, id: string, at: string): boolean {
  const task = findCachedTask(queryClient, id);
  return task ? task.updated_at >= at : removed.has(id);
}

/** Applies a change to the cache. */
export function applyTaskChange(queryClient: QueryClient, change: TaskChange): void {
  if (change.type === "remove") removed.add(change.id);
  else removed.delete(change.task.id);
  const put = (key: readonly string[], status: Task["status"]) =>
    queryClient.setQueryData<TaskPages>(key, (pages) => pages && changePages(pages, change, status));
  put(openTasksKey, "open");
  put(completedTasksKey, "completed");
}

/** Shows the tasks of an undone step as they are now. */
export function applyUndone(queryClient: QueryClient, undone: Undone): void {
  for (const { task, task_id } of undone.changes) {
    applyTaskChange(queryClient, task ? { type: "put", task } : { type: "remove", id: task_id });
  }
}

/** Returns the cached task with this id. */
export function findCachedTask(queryClient: QueryClient, id: string): Task | undefined {
  for (const key of [openTasksKey, completedTasksKey]) {
    for (const page of queryClient.getQueryData<TaskPages>(key)?.pages ?? []) {
      const found = page.items.find((task) => task.id === id);
      if (found) return found;
    }
  }
  return undefined;
}

/**
 * Returns the pages of the tasks with a status after a change. A new task joins the first page, because the list sorts
 * its tasks itself.
 */
export function changePages(data: TaskPages, change: TaskChange, status: Task["status"]): TaskPages {
  const id = change.type === "put" ? change.task.id : change.id;
  const replacement = change.type === "put" && change.task.status === status ? change.task : null;
  let placed = false;
  const pages = data.pages.map((page) => {
    if (!page.items.some((task) => task.id === id)) return page;
    const items = page.items.flatMap((task) => {
      if (task.id !== id) return [task];
      if (!replacement || placed) return [];
      placed = true;
      return [replacement];
    });
    return { ...page, items };
  });
  if (replacement && !placed) {
    const first = pages[0] ?? { items: [], next_cursor: null };
    pages[0] = { ...first, items: [replacement, ...first.items] };
  }
  return { ...data, pages };
}

const flattened = new WeakMap<TaskPages, Task[]>();

/** Returns the distinct tasks of all pages: a task may be on two pages if it moved while they loaded. */
export function flattenPages(data: TaskPages | undefined): Task[] {
  const known = data && flattened.get(data);
  if (known) return known;
  const byId = new Map<string, Task>();
  for (const page of data?.pages ?? []) {
    for (const task of page.items) if (!byId.has(task.id)) byId.set(task.id, task);
  }
  const tasks = [...byId.values()];
  if (data) flattened.set(data, tasks);
  return tasks;
}
