/**
 * The cached tasks: pages of open ones, in the server's order, and the completed ones. Changes by the user and by the
 * chat go through here, so that the list shows them without another request.
 */
import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { Task } from "@/lib/task";
import type { TaskPage, Undone } from "./tasks";

export type OpenTaskPages = InfiniteData<TaskPage, string | null>;

export type TaskChange = { type: "put"; task: Task } | { type: "remove"; id: string };

export const tasksKey = ["tasks"] as const;
export const openTasksKey = [...tasksKey, "open"] as const;
export const completedTasksKey = [...tasksKey, "completed"] as const;

/** Applies a change to the cache. */
export function applyTaskChange(queryClient: QueryClient, change: TaskChange): void {
  queryClient.setQueryData<OpenTaskPages>(openTasksKey, (pages) => pages && changeOpenPages(pages, change));
  queryClient.setQueryData<Task[]>(completedTasksKey, (tasks) => tasks && changeCompleted(tasks, change));
}

/** Shows the tasks of an undone step as they are now. */
export function applyUndone(queryClient: QueryClient, undone: Undone): void {
  for (const { task, task_id } of undone.changes) {
    applyTaskChange(queryClient, task ? { type: "put", task } : { type: "remove", id: task_id });
  }
}

/** Returns the cached task with this id. */
export function findCachedTask(queryClient: QueryClient, id: string): Task | undefined {
  const open = queryClient.getQueryData<OpenTaskPages>(openTasksKey)?.pages ?? [];
  const completed = queryClient.getQueryData<Task[]>(completedTasksKey) ?? [];
  for (const page of open) {
    const found = page.items.find((task) => task.id === id);
    if (found) return found;
  }
  return completed.find((task) => task.id === id);
}

/** Returns the pages after a change. A new task joins the first page, because the list sorts its tasks itself. */
export function changeOpenPages(data: OpenTaskPages, change: TaskChange): OpenTaskPages {
  const id = change.type === "put" ? change.task.id : change.id;
  const replacement = change.type === "put" && change.task.status === "open" ? change.task : null;
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

/** Returns the completed tasks after a change. */
export function changeCompleted(tasks: Task[], change: TaskChange): Task[] {
  const id = change.type === "put" ? change.task.id : change.id;
  const others = tasks.filter((task) => task.id !== id);
  return change.type === "put" && change.task.status === "completed" ? [change.task, ...others] : others;
}

/** Returns the distinct tasks of all pages: a task may be on two pages if it moved while they loaded. */
export function flattenPages(data: OpenTaskPages | undefined): Task[] {
  const byId = new Map<string, Task>();
  for (const page of data?.pages ?? []) {
    for (const task of page.items) if (!byId.has(task.id)) byId.set(task.id, task);
  }
  return [...byId.values()];
}
