/** The values of the edit sheet's inputs, and how they differ from the task. */
import { fromInputs, timeZone, toDateInput, toTimeInput } from "@/lib/calendar";
import type { Priority, Task } from "@/lib/task";
import type { TaskPatch } from "./api/tasks";

export const DESCRIPTION_MAX = 1000;

export type TaskDraft = {
  title: string;
  description: string;
  priority: Priority;
  /** Separated by commas. */
  tags: string;
  date: string;
  time: string;
  /** Minutes before the due date; empty without a reminder; `at` for one at a time of its own. */
  reminder: string;
  /** The rule by which the task repeats; empty if it does not. */
  recurrence: string;
};

export function draftOf(task: Task): TaskDraft {
  const due = task.due_at === null ? null : new Date(task.due_at);
  return {
    title: task.title,
    description: task.description,
    priority: task.priority,
    tags: task.tags.join(", "),
    date: due ? toDateInput(due) : "",
    time: due && !task.all_day ? toTimeInput(due) : "",
    reminder: task.remind_before?.toString() ?? (task.remind_at ? "at" : ""),
    recurrence: task.recurrence ?? "",
  };
}

/** Returns only the fields that the draft changes. */
export function changedFields(task: Task, draft: TaskDraft): TaskPatch {
  const patch: TaskPatch = {};
  const title = draft.title.trim();
  const tags = parseTags(draft.tags);
  if (title !== task.title) patch.title = title;
  if (draft.description !== task.description) patch.description = draft.description;
  if (draft.priority !== task.priority) patch.priority = draft.priority;
  if (tags.join("\n") !== task.tags.join("\n")) patch.tags = tags;

  // Compare text: the inputs have no seconds, and an unchanged date must keep its exact instant.
  const before = draftOf(task);
  if (draft.date !== before.date || draft.time !== before.time) {
    patch.due_at = fromInputs(draft.date, draft.time)?.toISOString() ?? null;
    patch.all_day = draft.date !== "" && draft.time === "";
  }
  if (draft.reminder !== before.reminder) {
    patch.remind_before = draft.reminder === "" ? null : Number(draft.reminder);
    if (draft.reminder === "") patch.remind_at = null;
  }
  if (draft.recurrence !== before.recurrence) {
    patch.recurrence = draft.recurrence || null;
    if (draft.recurrence) patch.time_zone = timeZone();
  }
  return patch;
}

/** Returns a draft after its task was saved: what the user has not changed is as in the saved task. */
export function mergedDraft(draft: TaskDraft, read: Task, saved: Task): TaskDraft {
  const before = draftOf(read);
  const after = draftOf(saved);
  const unchanged = (Object.keys(before) as (keyof TaskDraft)[]).filter((key) => draft[key] === before[key]);
  return { ...draft, ...Object.fromEntries(unchanged.map((key) => [key, after[key]])) };
}

/** Returns the distinct tags in the order of input, without a leading #. */
export function parseTags(text: string): string[] {
  const tags = text.split(/[,\n]/).map((tag) => tag.trim().replace(/^#+/, ""));
  return [...new Set(tags.filter(Boolean))];
}
