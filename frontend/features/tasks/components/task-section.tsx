"use client";

import { memo } from "react";
import { formatDate } from "@/lib/calendar";
import { dayOf, isOverdue, type TaskGroup } from "../group-tasks";
import { dueTextIn, TaskRow, type TaskRowHandlers } from "./task-row";

type TaskSectionProps = TaskRowHandlers & {
  group: TaskGroup;
  now: Date;
  /** Whether more tasks of this group may load later. */
  isIncomplete: boolean;
  /** The tab stop and the highlighted row, if they are in this group. */
  tabStopId: string | undefined;
  highlightedId: string | undefined;
};

/** One group of the list. It renders again only when it changes, so that thousands of tasks stay fast. */
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
