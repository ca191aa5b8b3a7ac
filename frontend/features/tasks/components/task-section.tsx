"use client";

import { memo, useState } from "react";
import { formatDate, formatDay, formatTime } from "@/lib/calendar";
import type { Task } from "@/lib/task";
import { dayOf, type GroupKey, isDoneGroup, isOverdue, type TaskGroup } from "../group-tasks";
import { classNames } from "@/components/ui/class-names";
import { dueTextIn, TaskRow, type TaskRowHandlers } from "./task-row";

/** The rows that a folded group shows. */
const FOLDED_ROWS: Partial<Record<GroupKey, number>> = { overdue: 5, earlier: 0 };

type TaskSectionProps = TaskRowHandlers & {
  group: TaskGroup;
  now: Date;
  /** Whether more tasks of this group may load later. */
  isIncomplete: boolean;
  /** The tab stop and the highlighted row, if they are in this group. */
  tabStopId: string | undefined;
  highlightedId: string | undefined;
  /** Moves all tasks of this group to today. */
  onMoveToToday: (tasks: readonly Task[]) => void;
};

/** One group of the list. It renders again only when it changes, so that thousands of tasks stay fast. */
export const TaskSection = memo(function TaskSection(props: TaskSectionProps) {
  const { group, now, isIncomplete, tabStopId, highlightedId, onMoveToToday, ...handlers } = props;
  const [isUnfolded, setUnfolded] = useState(false);
  const day = dayOf(group.key, now);
  const shown = isUnfolded ? group.tasks : group.tasks.slice(0, FOLDED_ROWS[group.key]);
  const hidden = group.tasks.length - shown.length;
  return (
    <section aria-labelledby={`group-${group.key}`}>
      <h2
        id={`group-${group.key}`}
        aria-label={group.label}
        className="sticky top-0 z-10 flex items-baseline gap-2 bg-surface pt-5 pb-1 text-small font-semibold"
      >
        <span className={group.key === "overdue" ? "text-danger" : undefined}>{group.label}</span>
        {day && <span className="font-normal text-text-2">{formatDate(day)}</span>}
        {group.key === "overdue" && (
          <button type="button" className={linkStyle} onClick={() => onMoveToToday(group.tasks)}>
            Move all to today
          </button>
        )}
        <span className="ml-auto font-normal text-text-2">
          {group.tasks.length}
          {isIncomplete && "+"}
        </span>
      </h2>
      <ul aria-label={group.label}>
        {shown.map((task) => (
          <TaskRow
            key={task.id}
            task={task}
            group={group.key}
            dueText={dateTextIn(group.key, task, now)}
            overdue={isOverdue(task, now)}
            isTabStop={task.id === tabStopId}
            isLeaving={task.status === "completed" && !isDoneGroup(group.key)}
            isHighlighted={task.id === highlightedId}
            {...handlers}
          />
        ))}
      </ul>
      {hidden > 0 && (
        <button type="button" className={classNames(linkStyle, "py-2")} onClick={() => setUnfolded(true)}>
          Show {shown.length > 0 ? `${hidden} more` : hidden}
        </button>
      )}
    </section>
  );
}, haveSameContent);

const linkStyle = "text-small font-normal text-text-2 underline-offset-2 hover:text-text hover:underline";

/** Returns the date that a row shows: when it is due, or when it was done before today. */
function dateTextIn(group: GroupKey, task: Task, now: Date): string {
  if (group === "done") return "";
  if (group.startsWith("day-")) return task.completed_at ? formatTime(new Date(task.completed_at)) : "";
  if (group === "earlier") return task.completed_at ? formatDay(new Date(task.completed_at), now) : "";
  return dueTextIn(group, task, now);
}

/** Compares groups by their tasks, because every change of any task creates all groups again. */
function haveSameContent(before: TaskSectionProps, after: TaskSectionProps): boolean {
  const { group: groupBefore, ...othersBefore } = before;
  const { group: groupAfter, ...othersAfter } = after;
  const names = Object.keys(othersAfter) as (keyof typeof othersAfter)[];
  return (
    groupBefore.key === groupAfter.key &&
    groupBefore.tasks.length === groupAfter.tasks.length &&
    groupBefore.tasks.every((task, index) => task === groupAfter.tasks[index]) &&
    names.every((name) => othersBefore[name] === othersAfter[name])
  );
}
