/** Groups tasks by day, in the browser's time zone. */
import { daysBetween, endOfWeek, startOfDay } from "@/lib/calendar";
import type { Task } from "@/lib/task";

type ListKey = "overdue" | "today" | "tomorrow" | "week" | "later" | "undated" | "done" | "earlier";

/** A group of the list, or a day of completed tasks. */
export type GroupKey = ListKey | `day-${string}`;

export type TaskGroup = { key: GroupKey; label: string; tasks: Task[] };

const groupLabels: Record<ListKey, string> = {
  overdue: "Overdue",
  today: "Today",
  tomorrow: "Tomorrow",
  week: "This week",
  later: "Later",
  undated: "No date",
  done: "Done today",
  earlier: "Done earlier",
};

/** Returns the day of a group, or null if it is not a single day. */
export function dayOf(group: GroupKey, now: Date): Date | null {
  if (group === "today" || group === "done") return now;
  return group === "tomorrow" ? startOfDay(now, 1) : null;
}

/** Returns whether the tasks of a group are in the order by hand. */
export function isByHand(group: GroupKey): boolean {
  return group === "undated";
}

/** Returns whether the tasks of a group are completed. */
export function isDoneGroup(group: GroupKey): boolean {
  return group === "done" || group === "earlier" || group.startsWith("day-");
}

/** The instants at which days begin. Comparing with them is cheap, also for thousands of tasks. */
export type Days = { today: number; tomorrow: number; dayAfter: number; nextWeek: number };

export function daysAround(now: Date): Days {
  return {
    today: startOfDay(now).getTime(),
    tomorrow: startOfDay(now, 1).getTime(),
    dayAfter: startOfDay(now, 2).getTime(),
    nextWeek: startOfDay(endOfWeek(now), 1).getTime(),
  };
}

/** Returns the group of an open task. */
export function groupOf(task: Task, days: Days): ListKey {
  if (task.due_at === null) return "undated";
  const due = Date.parse(task.due_at);
  if (due < days.today) return "overdue";
  if (due < days.tomorrow) return "today";
  if (due < days.dayAfter) return "tomorrow";
  return due < days.nextWeek ? "week" : "later";
}

/** Returns whether an open task is overdue; a whole-day task is overdue after the end of its day. */
export function isOverdue(task: Task, now: Date): boolean {
  if (task.due_at === null || task.status === "completed") return false;
  const due = new Date(task.due_at);
  return task.all_day ? daysBetween(now, due) < 0 : due < now;
}

/**
 * Returns the groups that have tasks, in the order of the list.
 *
 * @param held completed tasks that stay in their former group while they slide away.
 */
export function groupTasks(
  open: readonly Task[],
  completed: readonly Task[],
  now: Date,
  held: ReadonlyMap<string, GroupKey> = new Map(),
): TaskGroup[] {
  const labels = Object.entries(groupLabels) as [ListKey, string][];
  const groups = new Map<GroupKey, Task[]>(labels.map(([key]) => [key, []]));
  const days = daysAround(now);
  for (const task of open) groups.get(groupOf(task, days))?.push(task);
  for (const task of completed) {
    const heldIn = held.get(task.id);
    if (heldIn) groups.get(heldIn)?.push(task);
    else groups.get(isDoneToday(task, days) ? "done" : "earlier")?.push(task);
  }
  return labels
    .map(([key, label]) => ({ key, label, tasks: groups.get(key)?.sort(orders[key] ?? byDue) ?? [] }))
    .filter((group) => group.tasks.length > 0);
}

export function isDoneToday(task: Task, { today, tomorrow }: Days): boolean {
  const done = Date.parse(task.completed_at ?? "");
  return done >= today && done < tomorrow;
}

// ISO 8601 in UTC sorts as text.
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const byDue = (a: Task, b: Task) =>
  compare(a.due_at ?? "", b.due_at ?? "") || compare(a.created_at, b.created_at) || compare(a.id, b.id);
/** The place of a task in the order by hand: new tasks come first. */
export const placeOf = ({ position = 0 }: Task) => position;
export const byHand = (a: Task, b: Task) => placeOf(a) - placeOf(b) || compare(a.id, b.id);
const lastDoneFirst = (a: Task, b: Task) => compare(b.completed_at ?? "", a.completed_at ?? "");

const orders: Partial<Record<ListKey, (a: Task, b: Task) => number>> = {
  undated: byHand,
  done: lastDoneFirst,
  earlier: lastDoneFirst,
};
