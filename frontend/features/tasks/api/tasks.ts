/** Calls to /api/tasks. */
import { ApiError, callApi } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import type { Task } from "@/lib/task";

export type TaskPage = components["schemas"]["TaskPage"];
export type NewTask = components["schemas"]["TaskCreate"];
export type TaskPatch = components["schemas"]["TaskUpdate"];
export type TaskMove = components["schemas"]["TaskMove"];
export type Undone = components["schemas"]["Undone"];

const PAGE_SIZE = 200;

/** Returns a page of the open tasks, the earliest due first and those without a date last. */
export function listOpenTasks(cursor: string | null, signal?: AbortSignal): Promise<TaskPage> {
  const query = new URLSearchParams({ status: "open", sort: "due", order: "asc", limit: String(PAGE_SIZE) });
  if (cursor) query.set("cursor", cursor);
  return callApi(`/api/tasks?${query}`, { signal });
}

/** Returns a page of the completed tasks, the last completed first. */
export function listCompletedTasks(cursor: string | null, signal?: AbortSignal): Promise<TaskPage> {
  const query = new URLSearchParams({ status: "completed", sort: "completed", limit: String(PAGE_SIZE) });
  if (cursor) query.set("cursor", cursor);
  return callApi(`/api/tasks?${query}`, { signal });
}

/** Returns the open tasks whose reminder is due in a span of time. */
export async function listReminders(after: Date, before: Date, signal?: AbortSignal): Promise<Task[]> {
  const query = new URLSearchParams({
    status: "open",
    reminds_after: after.toISOString(),
    reminds_before: before.toISOString(),
  });
  return (await callApi<TaskPage>(`/api/tasks?${query}`, { signal })).items;
}

export function readTask(id: string): Promise<Task> {
  return callApi(`/api/tasks/${encodeURIComponent(id)}`);
}

/** Returns the task as it is now, if a change failed because the task had another version. */
export function currentOf(error: unknown): Task | null {
  if (!(error instanceof ApiError) || error.status !== 412) return null;
  return (error.problem as components["schemas"]["TaskChanged"] | null)?.current ?? null;
}

/** Undoes a step, or the last change of a task, and returns the tasks as they are now. */
export function undoChange(what: components["schemas"]["UndoRequest"]): Promise<Undone> {
  return callApi("/api/undo", { method: "POST", body: what });
}
