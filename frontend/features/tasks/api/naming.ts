/** How tasks are named: by their title in messages, and by an id of their own until the server gives one. */
import type { Task } from "@/lib/task";

export const UNSAVED_PREFIX = "unsaved:";

/** Returns whether a new task has no id yet, because the server has not confirmed it. */
export function isUnsaved(task: Task): boolean {
  return task.id.startsWith(UNSAVED_PREFIX);
}

const MAX_QUOTE = 40;

/** Returns the title of a task for a message. */
export function quoted({ title }: Task): string {
  return `‘${title.length > MAX_QUOTE ? `${title.slice(0, MAX_QUOTE - 1).trimEnd()}…` : title}’`;
}
