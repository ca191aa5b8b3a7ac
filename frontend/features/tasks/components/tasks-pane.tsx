"use client";

import { useQueryClient } from "@tanstack/react-query";
import { type Ref, type RefObject, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { later } from "@/components/ui/later";
import { Button } from "@/components/ui/button";
import { showToast } from "@/components/ui/toaster";
import { errorMessage } from "@/lib/api/client";
import type { Task } from "@/lib/task";
import { formatDue } from "@/lib/calendar";
import { useNow } from "@/lib/use-now";
import { QuickAdd } from "./quick-add";
import type { TaskActions } from "../api/task-actions";
import { daysAround } from "../group-tasks";
import type { TaskDraft } from "../task-draft";
import { addressOf, countViews, detailsFrom, shows, type View } from "../views";
import { type FocusTask, TaskList } from "./task-list";
import { useTasks } from "../api/use-tasks";

const loadTaskSheet = () => import("./task-sheet").then((module) => module.TaskSheet);
const TaskSheet = later(loadTaskSheet);

/** How long a task from the chat stays highlighted. */
const HIGHLIGHT_MS = 1_800;

type TasksPaneProps = {
  view: View;
  actions: TaskActions;
  quickAddRef: Ref<HTMLInputElement>;
  /** A task to show in the list; a new object for each request. */
  pointedAt: { task: Task } | null;
};

/** The tasks of a view: the input for new tasks, the list, and the sheet of the task that is edited. */
export function TasksPane({ view, actions, quickAddRef, pointedAt }: TasksPaneProps) {
  const { open, openTasks, completed, completedTasks } = useTasks();
  const queryClient = useQueryClient();
  const now = useNow();
  const [edited, setEdited] = useState<{ task: Task; draft?: TaskDraft } | null>(null);
  const openLatest = useCallback(
    async (task: Task) => {
      const { readLatest } = await import("../api/read-latest");
      const current = await readLatest(queryClient, task.id);
      if (current) setEdited({ task: current });
    },
    [queryClient],
  );
  const focusRef = useRef<FocusTask>(null);
  const scrollRef = useRef<HTMLDivElement>(null);
  const highlightedId = useHighlight(pointedAt, focusRef, openLatest);

  const { fetchNextPage } = completed;
  const loadMore = useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]);
  const edit = useCallback((task: Task) => setEdited({ task }), []);

  /** Says where a new task is, if this view does not show it. */
  const announceElsewhere = (task: Task) => {
    if (shows(view, task, daysAround(now))) return;
    const due = task.due_at ? formatDue(new Date(task.due_at), task.all_day, now) : "no date";
    showToast({ message: `Added ‘${task.title}’, ${due}` });
  };

  const knownTags = useMemo(
    () => (edited ? countViews(openTasks, new Date()).tags.map(([tag]) => tag) : []),
    [edited, openTasks],
  );
  const closeSheet = (task: Task) => {
    setEdited(null);
    // Return the focus to the row, which may have moved within the list.
    requestAnimationFrame(() => focusRef.current?.(task.id));
  };
  const offerDraft = (task: Task, draft: TaskDraft) =>
    showToast({
      message: "Changes not saved",
      action: { label: "Resume editing", run: () => setEdited({ task, draft }) },
    });

  return (
    <section aria-label="Tasks" className="flex h-full min-h-0 flex-col">
      <div className="order-last px-4 pt-2 pb-2 max-md:border-t max-md:border-line md:order-first md:px-8 md:pt-6">
        <div className="mx-auto max-w-[44rem] 2xl:max-w-[54rem]">
          <QuickAdd
            actions={actions}
            inputRef={quickAddRef}
            details={detailsFrom(view, now)}
            onAdded={announceElsewhere}
          />
        </div>
      </div>
      <div
        ref={scrollRef}
        data-above-toasts=""
        // The sheet loads before it is needed: once a pointer or the focus is in the list.
        onPointerEnter={() => void loadTaskSheet()}
        onFocus={() => void loadTaskSheet()}
        className="min-h-0 grow overflow-y-auto overscroll-contain px-4 pb-24 [overflow-anchor:none] md:px-8"
      >
        <div className="mx-auto max-w-[44rem] 2xl:max-w-[54rem]">
          {open.isPending && <ListSkeleton />}
          {open.isError && !open.data && (
            <Failure message={errorMessage(open.error)} onRetry={() => void open.refetch()} />
          )}
          {open.data && (
            <TaskList
              key={addressOf(view)}
              view={view}
              focusRef={focusRef}
              scrollRef={scrollRef}
              empty={<NothingHere view={view} />}
              openTasks={openTasks}
              completedTasks={completedTasks}
              now={now}
              actions={actions}
              onEdit={edit}
              isLoadingOpen={open.hasNextPage}
              hasMoreCompleted={completed.hasNextPage}
              onReachEnd={loadMore}
              highlightedId={highlightedId}
            />
          )}
          {open.data && open.isError && (
            <p role="alert" className="py-4 text-small text-danger">
              {errorMessage(open.error)}{" "}
              <button type="button" className="font-medium underline" onClick={() => void open.refetch()}>
                Try again
              </button>
            </p>
          )}
        </div>
      </div>
      {edited && (
        <TaskSheet
          key={edited.task.id}
          task={edited.task}
          initialDraft={edited.draft}
          knownTags={knownTags}
          actions={actions}
          onClose={() => closeSheet(edited.task)}
          onUnsaved={(draft) => offerDraft(edited.task, draft)}
        />
      )}
    </section>
  );
}

/** Scrolls to a task and highlights it for a moment. Opens the task instead if the list does not show it. */
function useHighlight(
  pointedAt: { task: Task } | null,
  focusRef: RefObject<FocusTask | null>,
  openInstead: (task: Task) => Promise<void>,
): string | null {
  const [highlightedId, setHighlightedId] = useState<string | null>(null);
  useEffect(() => {
    if (!pointedAt) return;
    const { task } = pointedAt;
    // In the next frame the list contains the task and its pane is visible.
    const frame = requestAnimationFrame(() => {
      if (!focusRef.current?.(task.id)) return void openInstead(task);
      setHighlightedId(task.id);
    });
    const timer = setTimeout(() => setHighlightedId(null), HIGHLIGHT_MS);
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, [pointedAt, focusRef, openInstead]);
  return highlightedId;
}

const nothing: Record<View["name"], [title: string, hint: string]> = {
  all: ["Nothing to do", "Add a task here, or describe it in the chat: “call the bank on Monday at 10”."],
  today: ["Nothing due today", "A task that you add here is due today."],
  upcoming: ["Nothing planned", "Tasks with a date from today on appear here."],
  done: ["Nothing completed yet", "Completed tasks stay here, by day."],
  tag: ["No open tasks with this tag", "A task that you add here gets this tag."],
};

function NothingHere({ view }: { view: View }) {
  const [title, hint] = nothing[view.name];
  return (
    <div className="py-[12vh] text-center">
      <p className="font-semibold">{title}</p>
      <p className="mt-1 text-text-2">{hint}</p>
    </div>
  );
}

function Failure({ message, onRetry }: { message: string; onRetry: () => void }) {
  return (
    <div role="alert" className="py-[12vh] text-center">
      <p className="font-semibold">Your tasks could not be loaded</p>
      <p className="mt-1 mb-4 text-text-2">{message}</p>
      <Button onClick={onRetry}>Try again</Button>
    </div>
  );
}

/** A placeholder for the list while it loads. */
function ListSkeleton() {
  return (
    <div role="status" aria-label="Loading tasks" className="animate-pulse-soft pt-6">
      <div className="mb-3 h-3 w-14 rounded bg-surface-3" />
      {["60%", "44%", "72%", "38%", "55%"].map((width) => (
        <div key={width} className="flex h-11 items-center gap-3">
          <div className="size-5 rounded-full bg-surface-3" />
          <div className="h-3 rounded bg-surface-3" style={{ width }} />
        </div>
      ))}
    </div>
  );
}
