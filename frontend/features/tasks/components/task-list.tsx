"use client";

import {
  type FocusEvent,
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  type RefCallback,
  type RefObject,
  startTransition,
  useCallback,
  useEffect,
  useImperativeHandle,
  useMemo,
  useRef,
  useState,
} from "react";
import { flushSync } from "react-dom";
import { later } from "@/components/ui/later";
import { toDateInput } from "@/lib/calendar";
import type { Task } from "@/lib/task";
import { useMediaQuery } from "@/lib/use-media-query";
import { type GroupKey, isByHand, isDoneGroup, isOverdue } from "../group-tasks";
import { itemsOf, type ListSection, type ListWindow, sectionsOf } from "../list-items";
import { groupsOf, type View } from "../views";
import { useSelection } from "../use-selection";
import type { Target } from "../api/move-task";
import type { TaskActions } from "../api/task-actions";
import { TaskRow } from "./task-row";
import { dateTextIn, TaskSection } from "./task-section";

const SelectionBar = later(() => import("./selection-bar").then((module) => module.SelectionBar));
const EndOfPage = later(() => import("./end-of-page").then((module) => module.EndOfPage));
const LongList = later(() => import("./long-list").then((module) => module.LongList));

/** A list with more items renders only what is visible. */
const SHORT_ITEMS = 120;

/** How long a completed row stays in place before it has slid away; globals.css has the same duration. */
const LEAVING_MS = 400;

const none: readonly Task[] = [];

/** Moves the focus to a task, and returns whether the list shows it. */
export type FocusTask = (id: string) => boolean;

type TaskListProps = {
  view: View;
  focusRef?: Ref<FocusTask>;
  /** The element in which the list scrolls. */
  scrollRef: RefObject<HTMLElement | null>;
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
  const { empty, isLoadingOpen, hasMoreCompleted, onReachEnd, focusRef, scrollRef } = props;
  const listRef = useRef<HTMLDivElement>(null);
  const [held, setHeld] = useState<ReadonlyMap<string, GroupKey>>(new Map());
  const [unfolded, setUnfolded] = useState<ReadonlySet<GroupKey>>(new Set());
  const [tabStopId, setTabStopId] = useState<string | null>(null);
  const canHover = useMediaQuery("(pointer: fine)");

  const groups = useMemo(
    // Completed tasks follow the open ones: earlier, those that load would push them away.
    () => groupsOf(view, openTasks, isLoadingOpen && view.name !== "done" ? none : completedTasks, now, held),
    [view, openTasks, isLoadingOpen, completedTasks, now, held],
  );
  const items = useMemo(() => itemsOf(groups, unfolded), [groups, unfolded]);
  const rows = useMemo(() => items.filter((item) => item.kind === "row"), [items]);
  const openKeys = groups.map(({ key }) => key).filter((key) => !isDoneGroup(key));
  const lastOpen = openKeys.at(-1);
  const lastDone = groups.at(-1)?.key;
  const isEmpty = view.name === "done" ? groups.length === 0 : openKeys.length === 0;
  const mayChange = view.name === "done" ? hasMoreCompleted : isLoadingOpen;
  const indexById = useMemo(() => new Map(items.map(({ key }, index) => [key, index])), [items]);
  const shownTabStop = tabStopId && indexById.has(tabStopId) ? tabStopId : rows[0]?.task.id;

  // A list that was long keeps its elements when it becomes shorter.
  const [isLong, setLong] = useState(false);
  if (!isLong && items.length > SHORT_ITEMS) setLong(true);

  /** Moves the focus to a row. The tab stop is always rendered. */
  const focusTask: FocusTask = (id) => {
    if (!indexById.has(id)) return false;
    flushSync(() => setTabStopId(id));
    const check = listRef.current?.querySelector<HTMLElement>(
      `[data-task-id="${CSS.escape(id)}"] [role=checkbox]`,
    );
    check?.focus({ preventScroll: true });
    rowOf(check)?.scrollIntoView({ block: "nearest" });
    return true;
  };
  /** Moves the focus from a row that is about to disappear to the next or the previous one. */
  const focusNeighbour = (id: string) => {
    if (rowOf(document.activeElement)?.dataset.taskId !== id) return;
    const at = rows.findIndex(({ task }) => task.id === id);
    const neighbour = rows[at + 1] ?? rows[at - 1];
    if (neighbour) focusTask(neighbour.task.id);
  };
  /** Moves a row within its group. */
  const moveRow = async (id: string, target: Target) => {
    const group = items[indexById.get(id) ?? -1]?.span.group;
    const task = group?.tasks.find((other) => other.id === id);
    const ids = group && isByHand(group.key) ? group.tasks.map((other) => other.id) : null;
    if (task) await actions.move(task, ids, target);
  };
  const rowIds = useMemo(() => rows.map(({ task }) => task.id), [rows]);
  const { selected, isByTap, selectByTap, onKey, onClick, clear } = useSelection(rowIds, focusTask);
  const selectedTasks = rows.filter(({ task }) => selected.includes(task.id)).map(({ task }) => task);

  const latest = useRef({ focusTask, focusNeighbour, moveRow, selectByTap, tabStop: shownTabStop });
  useEffect(() => {
    latest.current = { focusTask, focusNeighbour, moveRow, selectByTap, tabStop: shownTabStop };
  });
  useImperativeHandle(focusRef, () => (id) => latest.current.focusTask(id), []);
  const hasMovable = groups.some(({ key }) => isByHand(key));
  useEffect(() => {
    const [list, scroller] = [listRef.current, scrollRef.current];
    if (!hasMovable || !list || !scroller) return;
    const over = new AbortController();
    void import("../drag-row").then((drag) => drag.letRowsDrag(list, scroller, latest, over.signal));
    return () => over.abort();
  }, [hasMovable, scrollRef]);

  const hold = useHold(setHeld, (id) => latest.current.focusNeighbour(id));
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
      latest.current.focusNeighbour(task.id);
      void actions.remove(task);
    },
    [actions],
  );

  const move = useCallback((task: Task, step: 1 | -1) => void latest.current.moveRow(task.id, step), []);
  const select = useCallback((task: Task) => latest.current.selectByTap(task.id), []);

  /** Moves the focus over the rows of all groups with the arrow keys, Home and End. */
  const moveBetweenRows = (event: KeyboardEvent) => {
    const id = rowOf(event.target as Element)?.dataset.taskId;
    if (!id || onKey(event, id)) return;
    if (event.ctrlKey || event.metaKey) return;
    const at = rows.findIndex(({ task }) => task.id === id);
    if (event.altKey) {
      const step = ({ ArrowDown: 1, ArrowUp: -1 } as const)[event.key];
      if (!step || at < 0) return;
      event.preventDefault();
      // The row keeps the focus. It also stays visible.
      return void moveRow(id, step).then(() =>
        requestAnimationFrame(() => {
          const focused = rowOf(document.activeElement);
          if (focused?.dataset.taskId === id) focused.scrollIntoView({ block: "nearest" });
        }),
      );
    }
    const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (target === undefined || at < 0) return;
    event.preventDefault();
    const row = rows[target];
    if (row) focusTask(row.task.id);
  };

  const leaveSelection = () => {
    // The bar disappears with the focus: it returns to the list.
    flushSync(clear);
    latest.current.focusTask(latest.current.tabStop ?? "");
  };

  // The focus has already moved: the new tab stop can wait for an idle moment.
  const rememberTabStop = (event: FocusEvent) => {
    const row = rowOf(event.target);
    if (row) startTransition(() => setTabStopId(row.dataset.taskId ?? null));
  };

  const renderSection = (section: ListSection, measure?: RefCallback<HTMLElement>) => {
    const { group } = section.span;
    const { key } = group;
    return (
      <TaskSection
        key={key}
        section={section}
        now={now}
        isIncomplete={
          (isLoadingOpen && key === lastOpen) || (hasMoreCompleted && key === lastDone && isDoneGroup(key))
        }
        measure={measure}
        onUnfold={(unfold) => setUnfolded(new Set(unfolded).add(unfold))}
        onMoveToToday={(tasks) =>
          void actions.changeMany(tasks, {
            action: "update",
            changes: { due_on: toDateInput(now) },
            done: "Moved",
            end: "to today",
          })
        }
      >
        {section.rows.map(({ item: { task, place }, index, gap }) => (
          <TaskRow
            key={task.id}
            task={task}
            group={key}
            index={index}
            place={place}
            of={group.tasks.length}
            gap={gap}
            measure={measure}
            dueText={dateTextIn(key, task, now)}
            overdue={isOverdue(task, now)}
            isTabStop={task.id === shownTabStop}
            isLeaving={task.status === "completed" && !isDoneGroup(key)}
            isHighlighted={task.id === highlightedId}
            isSelected={selected.includes(task.id)}
            canHover={canHover}
            isSelecting={isByTap}
            onToggle={toggle}
            onEdit={onEdit}
            onDelete={remove}
            onMove={isByHand(key) ? move : undefined}
            onSelect={select}
          />
        ))}
      </TaskSection>
    );
  };
  const render = (window: ListWindow | null, measure?: RefCallback<HTMLElement>) =>
    sectionsOf(items, window).map((section) => renderSection(section, measure));

  return (
    <div
      ref={listRef}
      onKeyDown={moveBetweenRows}
      onFocus={rememberTabStop}
      onClickCapture={(event) => onClick(event, rowOf(event.target as Element)?.dataset.taskId)}
    >
      {isEmpty && !mayChange && empty}
      {isLong ? (
        <LongList items={items} kept={indexById.get(shownTabStop ?? "") ?? -1} scrollRef={scrollRef}>
          {render}
        </LongList>
      ) : (
        render(null)
      )}
      {view.name === "done" && hasMoreCompleted && (
        <EndOfPage key={completedTasks.length} onReach={onReachEnd} />
      )}
      {selectedTasks.length > 0 && (
        <SelectionBar tasks={selectedTasks} now={now} actions={actions} onClear={leaveSelection} />
      )}
    </div>
  );
}

/** Returns a function that keeps a row which was just completed in place until it has slid away. */
function useHold(
  setHeld: (change: (held: ReadonlyMap<string, GroupKey>) => ReadonlyMap<string, GroupKey>) => void,
  onLeave: (id: string) => void,
) {
  const timers = useRef(new Set<ReturnType<typeof setTimeout>>());
  const leave = useRef(onLeave);
  useEffect(() => {
    leave.current = onLeave;
  });
  useEffect(() => {
    const running = timers.current;
    return () => running.forEach(clearTimeout);
  }, []);

  return useCallback(
    (id: string, group: GroupKey) => {
      setHeld((current) => new Map(current).set(id, group));
      const timer = setTimeout(() => {
        timers.current.delete(timer);
        leave.current(id);
        setHeld((current) => new Map([...current].filter(([held]) => held !== id)));
      }, LEAVING_MS);
      timers.current.add(timer);
    },
    [setHeld],
  );
}

function rowOf(element: Element | null | undefined): HTMLElement | null {
  return element?.closest<HTMLElement>("[data-task-id]") ?? null;
}
