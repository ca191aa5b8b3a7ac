"use client";

import { AlignLeft, Ellipsis, Pencil, Trash2 } from "lucide-react";
import { memo, type RefCallback, useState } from "react";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { later } from "@/components/ui/later";
import { formatDue, formatTime, formatWeekday } from "@/lib/calendar";
import { sayRecurrence } from "@/lib/recurrence";
import type { Task } from "@/lib/task";
import type { GroupKey } from "../group-tasks";
import { isUnsaved } from "../api/naming";
import { TaskCheck } from "./task-check";

const TaskMenu = later(() => import("./task-menu").then((module) => module.TaskMenu));

export type TaskRowHandlers = {
  onToggle: (task: Task, group: GroupKey) => void;
  onEdit: (task: Task) => void;
  onDelete: (task: Task) => void;
  /** Moves the task down, or up with -1, where the order is by hand. */
  onMove: ((task: Task, step: 1 | -1) => void) | undefined;
  /** Selects the task, and then others with a tap. */
  onSelect: (task: Task) => void;
};

type TaskRowProps = TaskRowHandlers & {
  task: Task;
  group: GroupKey;
  dueText: string;
  overdue: boolean;
  /** Whether this row is the tab stop of the list; the arrow keys reach the others. */
  isTabStop: boolean;
  isLeaving: boolean;
  isHighlighted: boolean;
  /** Whether the row is one of those that are changed together. */
  isSelected: boolean;
  /** Whether a pointer can rest on a row, which then shows its actions. */
  canHover: boolean;
  /** Whether a tap on the row selects it. */
  isSelecting: boolean;
  /** The index in the list, the place in its group, and the space of rows in front that are not rendered. */
  index: number;
  place: number;
  of: number;
  gap: number;
  measure: RefCallback<HTMLElement> | undefined;
};

export const TaskRow = memo(function TaskRow({
  task,
  group,
  dueText,
  overdue,
  isTabStop,
  isLeaving,
  isHighlighted,
  isSelected,
  canHover,
  isSelecting,
  index,
  place,
  of,
  gap,
  measure,
  onToggle,
  onEdit,
  onDelete,
  onMove,
  onSelect,
}: TaskRowProps) {
  const [hasMenu, setMenu] = useState(false);
  const done = task.status === "completed";
  const unsaved = isUnsaved(task);
  return (
    <li
      id={`task-${task.id}`}
      ref={measure}
      data-task-id={task.id}
      data-index={index}
      // Most rows of a long list have no element.
      aria-posinset={place + 1}
      aria-setsize={of}
      style={gap > 0 ? { marginTop: gap } : undefined}
      aria-busy={unsaved || undefined}
      className={classNames("task-row -mx-3", onMove && "task-row-movable", isLeaving && "task-row-leaving")}
    >
      <div
        className={classNames(
          "group/row relative flex min-h-11 items-start gap-3 overflow-hidden rounded-lg px-3 py-[11px] transition-colors",
          "hover:bg-surface-2 has-focus-visible:bg-surface-2",
          (isHighlighted || isSelected) && "bg-accent-soft!",
        )}
      >
        <TaskCheck
          title={task.title}
          priority={task.priority}
          checked={done}
          disabled={unsaved}
          isSelected={isSelected}
          isSelecting={isSelecting}
          tabIndex={isTabStop ? 0 : -1}
          className="relative z-1 -my-[7px]"
          onClick={() => onToggle(task, group)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            onEdit(task);
          }}
        />
        <div className="flex min-w-0 grow flex-col gap-x-3 gap-y-0.5 @min-[34.5rem]:flex-row @min-[34.5rem]:items-start">
          {/* The button covers the whole row. */}
          <button
            type="button"
            tabIndex={-1}
            disabled={unsaved}
            onClick={() => onEdit(task)}
            aria-label={`Edit ${task.title}`}
            dir="auto"
            className={classNames(
              "line-clamp-2 min-w-0 grow text-start [overflow-wrap:anywhere] transition-colors after:absolute after:inset-0 after:content-['']",
              done && "text-text-2 line-through",
            )}
          >
            {task.title}
          </button>
          <TaskChips task={task} dueText={dueText} overdue={overdue} />
        </div>
        {/* Beside the date, which stays visible. The space is always reserved, so that nothing moves. */}
        {canHover && (
          <div
            className={classNames(
              "relative z-1 -my-[7px] -mr-1.5 flex gap-0.5 opacity-0",
              "group-hover/row:opacity-100 group-has-focus-visible/row:opacity-100",
            )}
          >
            <IconButton
              label={`Edit ${task.title}`}
              tabIndex={-1}
              aria-hidden="true"
              className="size-8"
              onClick={() => onEdit(task)}
            >
              <Pencil />
            </IconButton>
            <IconButton
              label={`Delete ${task.title}`}
              tabIndex={isTabStop ? 0 : -1}
              className="size-8 hover:text-danger"
              onClick={() => onDelete(task)}
            >
              <Trash2 />
            </IconButton>
          </div>
        )}
        {/* Where nothing hovers. */}
        <div
          className={classNames(
            "relative z-1 -my-[11px] -mr-2.5 hidden pointer-coarse:flex",
            isSelecting && "invisible",
          )}
        >
          {hasMenu ? (
            <TaskMenu
              task={task}
              onEdit={onEdit}
              onDelete={onDelete}
              onMove={onMove}
              onSelect={onSelect}
              onClose={() => setMenu(false)}
            />
          ) : (
            <IconButton
              label={`Actions for ${task.title}`}
              aria-haspopup="menu"
              aria-expanded="false"
              tabIndex={isTabStop ? 0 : -1}
              disabled={unsaved}
              className="size-11"
              onClick={() => setMenu(true)}
            >
              <Ellipsis />
            </IconButton>
          )}
        </div>
      </div>
    </li>
  );
});

function TaskChips({ task, dueText, overdue }: { task: Task; dueText: string; overdue: boolean }) {
  const hasChips = dueText || task.recurrence || task.tags.length > 0 || task.description;
  if (!hasChips) return null;
  return (
    <span className="flex max-w-full shrink-0 flex-wrap items-center gap-x-2 text-small leading-[22px] text-text-2 @min-[34.5rem]:max-w-[60%] @min-[34.5rem]:flex-nowrap @min-[34.5rem]:justify-end">
      {task.description && <AlignLeft className="size-3.5" aria-label="Has a description" />}
      {task.tags.slice(0, 3).map((tag) => (
        <span key={tag} className="max-w-32 truncate">
          #{tag}
        </span>
      ))}
      {task.tags.length > 3 && <span>+{task.tags.length - 3}</span>}
      {task.recurrence && <span className="truncate">{sayRecurrence(task.recurrence)}</span>}
      {dueText && (
        <span className={classNames("whitespace-nowrap", overdue && "font-medium text-danger")}>
          {dueText}
        </span>
      )}
    </span>
  );
}

/** Returns the due date as a row shows it, without what the label of its group already says. */
export function dueTextIn(group: GroupKey, task: Task, now: Date): string {
  if (task.due_at === null) return "";
  const due = new Date(task.due_at);
  const time = task.all_day ? "" : formatTime(due);
  if (group === "today" || group === "tomorrow") return time;
  if (group === "week") return `${formatWeekday(due)} ${time}`.trimEnd();
  return formatDue(due, task.all_day, now);
}
