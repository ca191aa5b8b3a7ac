"use client";

import {
  type FocusEvent,
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
  startTransition,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import type { Task } from "@/lib/task";
import { type GroupKey, isDoneGroup, type TaskGroup } from "../group-tasks";
import { groupsOf, type View } from "../views";
import type { TaskActions } from "../api/task-actions";
import { TaskSection } from "./task-section";

/** How long a completed row stays in place before it has slid away; globals.css has the same duration. */
const LEAVING_MS = 700;

type TaskListProps = {
  view: View;
  /** Shown instead of open tasks, if the view has none. */
  empty: ReactNode;
  openTasks: readonly Task[];
  completedTasks: readonly Task[];
  now: Date;
  actions: TaskActions;
  onEdit: (task: Task) => void;
  isLoadingOpen: boolean;
  /** Whether more pages of completed tasks exist, and a callback that loads the next one. */
  hasMoreCompleted: boolean;
  onReachEnd: () => void;
  highlightedId: string | null;
};

export function TaskList(props: TaskListProps) {
  const { view, openTasks, completedTasks, now, actions, onEdit, highlightedId } = props;
  const { empty, isLoadingOpen, hasMoreCompleted, onReachEnd } = props;
  const listRef = useRef<HTMLDivElement>(null);
  const { held, hold } = useHeldRows(listRef);
  const [tabStopId, setTabStopId] = useState<string | null>(null);

  const groups = useMemo(
    () => groupsOf(view, openTasks, completedTasks, now, held),
    [view, openTasks, completedTasks, now, held],
  );
  const open = groups.filter((group) => !isDoneGroup(group.key));
  const done = groups.filter((group) => isDoneGroup(group.key));
  const isEmpty = (view.name === "done" ? done : open).length === 0;
  const mayChange = view.name === "done" ? hasMoreCompleted : isLoadingOpen;
  const shownTabStop = tabStopId && groups.some(contains(tabStopId)) ? tabStopId : groups[0]?.tasks[0]?.id;

  const toggle = useCallback(
    (task: Task, group: GroupKey) => {
      if (task.status === "completed") return void actions.reopen(task);
      hold(task.id, group);
      void actions.complete(task);
    },
    [actions, hold],
  );
  const remove = useCallback(
    (task: Task) => {
      focusNeighbour(listRef.current, task.id);
      void actions.remove(task);
    },
    [actions],
  );

  const moveToToday = useCallback(
    (tasks: readonly Task[]) => void actions.moveToToday(tasks, now),
    [actions, now],
  );

  const renderGroup = (group: TaskGroup, isIncomplete: boolean) => {
    const own = (id: string | null | undefined) => (id && contains(id)(group) ? id : undefined);
    return (
      <TaskSection
        key={group.key}
        group={group}
        now={now}
        isIncomplete={isIncomplete}
        tabStopId={own(shownTabStop)}
        highlightedId={own(highlightedId)}
        onToggle={toggle}
        onEdit={onEdit}
        onDelete={remove}
        onMoveToToday={moveToToday}
      />
    );
  };

  // The focus has already moved: the new tab stop can wait for an idle moment.
  const rememberTabStop = (event: FocusEvent) => {
    const row = rowOf(event.target);
    if (row) startTransition(() => setTabStopId(row.dataset.taskId ?? null));
  };

  return (
    <div ref={listRef} onKeyDown={moveBetweenRows} onFocus={rememberTabStop}>
      {isEmpty && !mayChange && empty}
      {open.map((group, index) => renderGroup(group, isLoadingOpen && index === open.length - 1))}
      {done.map((group, index) => renderGroup(group, hasMoreCompleted && index === done.length - 1))}
      {view.name === "done" && hasMoreCompleted && (
        <EndOfPage key={completedTasks.length} onReach={onReachEnd} />
      )}
    </div>
  );
}

/** Rows that were just completed and keep their place until they have slid away. */
function useHeldRows(listRef: RefObject<HTMLDivElement | null>) {
  const [held, setHeld] = useState<ReadonlyMap<string, GroupKey>>(new Map());
  const timers = useRef(new Set<ReturnType<typeof setTimeout>>());

  useEffect(() => {
    const running = timers.current;
    return () => running.forEach(clearTimeout);
  }, []);

  const hold = useCallback(
    (id: string, group: GroupKey) => {
      setHeld((current) => new Map(current).set(id, group));
      const timer = setTimeout(() => {
        timers.current.delete(timer);
        focusNeighbour(listRef.current, id);
        setHeld((current) => {
          const next = new Map(current);
          next.delete(id);
          return next;
        });
      }, LEAVING_MS);
      timers.current.add(timer);
    },
    [listRef],
  );
  return { held, hold };
}

/** Loads the next page when the user scrolls near the end. */
function EndOfPage({ onReach }: { onReach: () => void }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && onReach(),
      { rootMargin: "1200px" },
    );
    if (ref.current) observer.observe(ref.current);
    return () => observer.disconnect();
  }, [onReach]);
  return (
    <div ref={ref} className="py-3 text-small text-text-2">
      Loading more tasks…
    </div>
  );
}

const contains = (id: string) => (group: TaskGroup) => group.tasks.some((task) => task.id === id);

const rowOf = (element: Element) => element.closest<HTMLElement>("[data-task-id]");

function checks(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>("[data-task-id] [role=checkbox]") ?? [])];
}

/** Moves the focus over the rows of all groups with the arrow keys, Home and End. */
function moveBetweenRows(event: KeyboardEvent<HTMLDivElement>): void {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const all = checks(event.currentTarget);
  const row = rowOf(event.target as Element);
  const at = all.findIndex((check) => row?.contains(check));
  const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (target === undefined || at < 0) return;
  event.preventDefault();
  all[target]?.focus();
}

/** Moves the focus from a row that is about to disappear to the next or the previous one. */
function focusNeighbour(list: HTMLElement | null, id: string): void {
  const all = checks(list);
  const at = all.findIndex((check) => rowOf(check)?.dataset.taskId === id);
  const row = at < 0 ? null : rowOf(all[at]!);
  if (row?.contains(document.activeElement)) (all[at + 1] ?? all[at - 1])?.focus();
}
