"use client";

import type { ReactNode, RefCallback } from "react";
import { classNames } from "@/components/ui/class-names";
import { formatDate, formatDay, formatTime } from "@/lib/calendar";
import type { Task } from "@/lib/task";
import { dayOf, type GroupKey } from "../group-tasks";
import type { ListSection } from "../list-items";
import { dueTextIn } from "./task-row";

type TaskSectionProps = {
  section: ListSection;
  now: Date;
  /** Whether more tasks of this group may load later. */
  isIncomplete: boolean;
  measure: RefCallback<HTMLElement> | undefined;
  onUnfold: (group: GroupKey) => void;
  /** Moves all tasks of this group to today. */
  onMoveToToday: (tasks: readonly Task[]) => void;
  /** The rows. */
  children: ReactNode;
};

/** One group of the list: its heading and the rows that are rendered. */
export function TaskSection(props: TaskSectionProps) {
  const { section, now, isIncomplete, measure, onUnfold, onMoveToToday, children } = props;
  const { span, fold } = section;
  const { group } = span;
  const day = dayOf(group.key, now);
  return (
    <section
      aria-labelledby={`group-${group.key}`}
      style={{ marginTop: section.gap, paddingBottom: section.rest }}
    >
      <h2
        id={`group-${group.key}`}
        ref={measure}
        data-index={span.first}
        aria-label={group.label}
        className="sticky top-0 z-10 flex items-baseline gap-2 border-b border-line bg-surface pt-5 pb-[3px] text-small font-semibold"
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
      {/* flow-root: the space in front of a row stays inside the list. A container in each row takes twice as long to lay out. */}
      <ul aria-label={group.label} className="@container flow-root">
        {children}
      </ul>
      {fold?.item.kind === "fold" && (
        <button
          type="button"
          ref={measure}
          data-index={fold.index}
          style={{ marginTop: fold.gap }}
          className={classNames(linkStyle, "block py-2")}
          onClick={() => onUnfold(group.key)}
        >
          Show {section.rows.length > 0 || fold.gap > 0 ? `${fold.item.hidden} more` : fold.item.hidden}
        </button>
      )}
    </section>
  );
}

const linkStyle = "text-small font-normal text-text-2 underline-offset-2 hover:text-text hover:underline";

/** Returns the date that a row shows: when it is due, or when it was done before today. */
export function dateTextIn(group: GroupKey, task: Task, now: Date): string {
  if (group === "done") return "";
  if (group.startsWith("day-")) return task.completed_at ? formatTime(new Date(task.completed_at)) : "";
  if (group === "earlier") return task.completed_at ? formatDay(new Date(task.completed_at), now) : "";
  return dueTextIn(group, task, now);
}
