/** Conflicts between an edit of a task and a change that somebody else made meanwhile. */
import { formatDate, formatTime } from "@/lib/calendar";
import { sayRecurrence } from "@/lib/recurrence";
import type { Task } from "@/lib/task";
import type { TaskPatch } from "./api/tasks";

type Part = { label: string; fields: readonly (keyof TaskPatch)[]; say: (task: Task) => string };

/** The fields that a person sees as one. */
const parts: readonly Part[] = [
  { label: "Title", fields: ["title"], say: ({ title }) => title },
  { label: "Description", fields: ["description"], say: ({ description }) => description },
  { label: "Priority", fields: ["priority"], say: ({ priority }) => capitalized(priority) },
  { label: "Due", fields: ["due_at", "all_day"], say: ({ due_at, all_day }) => sayInstant(due_at, all_day) },
  {
    label: "Repeat",
    fields: ["recurrence", "time_zone"],
    say: ({ recurrence }) => (recurrence ? sayRecurrence(recurrence) : ""),
  },
  {
    label: "Reminder",
    fields: ["remind_at", "remind_before"],
    say: ({ remind_at, remind_before }) =>
      typeof remind_before === "number"
        ? `${remind_before} minutes before`
        : sayInstant(remind_at ?? null, false),
  },
  { label: "Tags", fields: ["tags"], say: ({ tags }) => tags.join(", ") },
];

/** A part of a task that both sides changed, in words. */
export type Conflict = Omit<Part, "say"> & { mine: string; other: string };

/** Returns what a patch of a task changes and somebody else has changed to something different. */
export function conflictsOf(read: Task, patch: TaskPatch, current: Task): Conflict[] {
  const mine = { ...read, ...patch };
  const differ = (fields: Part["fields"], one: Task, two: Task) =>
    fields.some((field) => JSON.stringify(one[field]) !== JSON.stringify(two[field]));
  return parts
    .filter(({ fields }) => fields.some((field) => field in patch))
    .filter(({ fields, say }) => differ(fields, read, current) && say(mine) !== say(current))
    .map(({ label, fields, say }) => ({
      label,
      fields,
      mine: say(mine) || "None",
      other: say(current) || "None",
    }));
}

/** Returns the patch without the parts in conflict. */
export function withoutConflicts(patch: TaskPatch, conflicts: readonly Conflict[]): TaskPatch {
  const dropped = new Set<string>(conflicts.flatMap(({ fields }) => fields));
  return Object.fromEntries(Object.entries(patch).filter(([field]) => !dropped.has(field)));
}

function sayInstant(instant: string | null, allDay: boolean): string {
  if (instant === null) return "";
  const date = new Date(instant);
  return allDay ? formatDate(date) : `${formatDate(date)}, ${formatTime(date)}`;
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
