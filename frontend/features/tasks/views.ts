/** The views of the list: which tasks each one shows, and its address. */
import { formatDay, startOfDay, toDateInput } from "@/lib/calendar";
import type { Task } from "@/lib/task";
import { type Days, daysAround, type GroupKey, groupTasks, isDoneToday, type TaskGroup } from "./group-tasks";

export type ViewName = "today" | "upcoming" | "all" | "done";

export type View = { name: ViewName } | { name: "tag"; tag: string };

export const viewNames: readonly ViewName[] = ["today", "upcoming", "all", "done"];

const titles: Record<ViewName, string> = {
  today: "Today",
  upcoming: "Upcoming",
  all: "All tasks",
  done: "Done",
};

export function titleOf(view: View): string {
  return view.name === "tag" ? `#${view.tag}` : titles[view.name];
}

/** Returns the address of a view: all tasks are at /. */
export function addressOf(view: View): string {
  if (view.name === "tag") return `/?${new URLSearchParams({ tag: view.tag })}`;
  return view.name === "all" ? "/" : `/?view=${view.name}`;
}

/** Returns the view at an address's query; all tasks, if it names no view. */
export function viewAt(search: string): View {
  const query = new URLSearchParams(search);
  const tag = query.get("tag");
  if (tag) return { name: "tag", tag };
  return { name: viewNames.find((name) => name === query.get("view")) ?? "all" };
}

/** Returns whether a view shows an open task. */
export function shows(view: View, task: Task, { today, tomorrow }: Days): boolean {
  if (view.name === "tag") return task.tags.includes(view.tag);
  if (view.name === "all") return true;
  if (view.name === "done" || task.due_at === null) return false;
  const due = Date.parse(task.due_at);
  return view.name === "today" ? due < tomorrow : due >= today;
}

/** Returns the details that a new task gets from the view in which it is added. */
export function detailsFrom(view: View, now: Date): { date: string; tags: string[] } {
  return {
    date: view.name === "today" ? toDateInput(now) : "",
    tags: view.name === "tag" ? [view.tag] : [],
  };
}

/**
 * Returns the groups that a view shows.
 *
 * @param held completed tasks that stay in their former group while they slide away.
 */
export function groupsOf(
  view: View,
  open: readonly Task[],
  completed: readonly Task[],
  now: Date,
  held: ReadonlyMap<string, GroupKey>,
): TaskGroup[] {
  if (view.name === "done") return groupByDay(completed, now);
  const days = daysAround(now);
  const shown = view.name === "all" ? open : open.filter((task) => shows(view, task, days));
  const done = completed.filter((task) => held.has(task.id) || showsDone(view, task, days));
  return groupTasks(shown, done, now, held);
}

function showsDone(view: View, task: Task, days: Days): boolean {
  if (view.name === "tag") return task.tags.includes(view.tag);
  if (view.name === "today") return isDoneToday(task, days);
  return view.name === "all";
}

/** Groups completed tasks by the day of their completion, the latest first. */
function groupByDay(completed: readonly Task[], now: Date): TaskGroup[] {
  const latestFirst = completed
    .filter((task) => task.completed_at !== null)
    .sort((a, b) => ((a.completed_at ?? "") < (b.completed_at ?? "") ? 1 : -1));
  const days = new Map<GroupKey, TaskGroup>();
  for (const task of latestFirst) {
    const day = startOfDay(new Date(task.completed_at ?? now));
    const key: GroupKey = `day-${toDateInput(day)}`;
    const label = formatDay(day, now);
    const group = days.get(key) ?? { key, label: label.charAt(0).toUpperCase() + label.slice(1), tasks: [] };
    group.tasks.push(task);
    days.set(key, group);
  }
  return [...days.values()];
}

export type ViewCounts = {
  today: number;
  upcoming: number;
  all: number;
  tags: [tag: string, count: number][];
};

/** Counts the open tasks of each view, and of each tag in alphabetical order. */
export function countViews(open: readonly Task[], now: Date): ViewCounts {
  const counts: ViewCounts = { today: 0, upcoming: 0, all: open.length, tags: [] };
  const tags = new Map<string, number>();
  const days = daysAround(now);
  for (const task of open) {
    if (shows({ name: "today" }, task, days)) counts.today += 1;
    if (shows({ name: "upcoming" }, task, days)) counts.upcoming += 1;
    for (const tag of task.tags) tags.set(tag, (tags.get(tag) ?? 0) + 1);
  }
  counts.tags = [...tags].sort(([a], [b]) => a.localeCompare(b));
  return counts;
}
