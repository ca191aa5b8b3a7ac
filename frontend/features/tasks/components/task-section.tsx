"use client";

import { memo } from "react";
import { formatDate } from "@/lib/calendar";
import { dayOf, isOverdue, type TaskGroup } from "../group-tasks";
import { dueTextIn, TaskRow, type TaskRowHandlers } from "./task-row";

type TaskSectionProps = TaskRowHandlers & {
  group: TaskGroup;
  now: Date;
  /** Whether tasks of this group may still be missing, because they are not loaded yet. */
  isIncomplete: boolean;
  /** The row that Tab reaches, and the one that is pointed at, where they are in this group. */
  tabStopId: string | undefined;
  highlightedId: string | undefined;
};

/** One group of the list. Among thousands of tasks it is drawn again only when it has changed itself. */
export const TaskSection = memo(function TaskSection(props: TaskSectionProps) {
  const { group, now, isIncomplete, tabStopId, highlightedId, ...handlers } = props;
  const day = dayOf(group.key, now);
  return (
    <section aria-labelledby={`group-${group.key}`}>
      <h2
        id={`group-${group.key}`}
        aria-label={group.label}
        className="sticky top-0 z-10 flex items-baseline gap-2 bg-surface pt-5 pb-1 text-small font-semibold"
      >
        <span className={group.key === "overdue" ? "text-danger" : undefined}>{group.label}</span>
        {day && <span className="font-normal text-text-2">{formatDate(day)}</span>}
        <span className="ml-auto font-normal text-text-2">
          {group.tasks.length}
          {isIncomplete && "+"}
        </span>
      </h2>
      <ul aria-label={group.label}>
        {group.tasks.map((task) => (
          <TaskRow
            key={task.id}
            task={task}
            group={group.key}
            dueText={group.key === "done" ? "" : dueTextIn(group.key, task, now)}
            overdue={isOverdue(task, now)}
            isTabStop={task.id === tabStopId}
            isLeaving={task.status === "completed" && group.key !== "done"}
            isHighlighted={task.id === highlightedId}
            {...handlers}
          />
        ))}
      </ul>
    </section>
  );
}, haveSameContent);

/** Groups are made anew with every change of any task: theirs is the same when their tasks are. */
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
