/** A task on the wire, shown by the list and returned by the chat's tools. Types come from the backend's API. */
import type { components } from "./api/schema";

/** `due_at` is an instant in ISO 8601, UTC; with `all_day`, the start of that day in the user's time zone. */
export type Task = components["schemas"]["TaskOut"];

export type Priority = Task["priority"];

/** Checks the fields of an untyped value that this application relies on. */
export function isTask(value: unknown): value is Task {
  if (typeof value !== "object" || value === null) return false;
  const task = value as Partial<Record<keyof Task, unknown>>;
  return (
    typeof task.id === "string" &&
    typeof task.title === "string" &&
    (task.status === "open" || task.status === "completed") &&
    (task.due_at === null || typeof task.due_at === "string")
  );
}

/** Characters of a title. */
export const TITLE_MAX = 200;
