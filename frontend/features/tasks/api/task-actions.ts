/**
 * The changes that a user makes to tasks. Each one shows at once, is sent to the server, and is rolled back when the
 * server refuses it. Changes to the same task are sent in order, so that the last one wins there as it does here.
 * Actions that return a boolean report a failure to the user themselves; the others throw an ApiError.
 */
import { MutationObserver, type QueryClient } from "@tanstack/react-query";
import { showToast } from "@/components/ui/toaster";
import { ApiError, errorMessage } from "@/lib/api/client";
import { isWaiting } from "@/lib/outbox";
import { randomKey } from "@/lib/random-key";
import type { Task } from "@/lib/task";
import { applyTaskChange, applyUndone, findCachedTask, tasksKey } from "./task-cache";
import type { ManyChange } from "./change-many";
import { isUnsaved, quoted, UNSAVED_PREFIX } from "./naming";
import type { Target } from "./move-task";
import { type Kind, newChange } from "./changes";
import { deliver } from "./deliver";
import * as api from "./tasks";

export type TaskActions = ReturnType<typeof createTaskActions>;

type Mutation<Result> = {
  show: () => void;
  send: () => Promise<Result>;
  settle: (result: Result | undefined, error: Error | null) => void;
};

export type Attempt = {
  task: Task;
  /** The end of the sentence that reports a failure. */
  failure: string;
  run: () => Promise<unknown>;
  retry: () => void;
  /** Removes the message of success. */
  dismiss?: () => void;
};

/** Returns the actions on the tasks of a cache. */
export function createTaskActions(queryClient: QueryClient) {
  /** The server's version of each task with pending changes, to which a failed change is rolled back. */
  const confirmed = new Map<string, Task>();
  let isRefetchDue = false;

  const put = (task: Task) => applyTaskChange(queryClient, { type: "put", task });
  const drop = (id: string) => applyTaskChange(queryClient, { type: "remove", id });
  const mutationKey = (id: string) => [...tasksKey, id];
  const isOnlyChange = (key: readonly string[]) => queryClient.isMutating({ mutationKey: key }) <= 1;

  /** Shows a change, sends it after the earlier changes to the same task, and settles what is shown. */
  function mutate<Result>(id: string, { show, send, settle }: Mutation<Result>): Promise<Result> {
    const observer = new MutationObserver<Result>(queryClient, {
      mutationKey: mutationKey(id),
      scope: { id },
      // Without a network a change fails with a message, instead of waiting in silence.
      networkMode: "always",
      mutationFn: send,
      onMutate: () => {
        // A list that is still loading would overwrite the change: it loads again after the last change.
        if (queryClient.isFetching({ queryKey: tasksKey }) > 0) {
          isRefetchDue = true;
          void queryClient.cancelQueries({ queryKey: tasksKey });
        }
        show();
      },
      onSettled: (result, error) => {
        settle(result, error);
        if (!isRefetchDue || !isOnlyChange(tasksKey)) return;
        isRefetchDue = false;
        void queryClient.invalidateQueries({ queryKey: tasksKey });
      },
    });
    return observer.mutate().finally(() => observer.reset());
  }

  /** Changes a task, or deletes it where `shown` is null. Without a connection, the change waits for one. */
  async function change<Shown extends Task | null>(task: Task, shown: Shown, what: Kind) {
    const key = mutationKey(task.id);
    return mutate(task.id, {
      send: () => deliver(newChange(task.id, what), shown),
      show: () => {
        if (isOnlyChange(key)) confirmed.set(task.id, findCachedTask(queryClient, task.id) ?? task);
        if (shown) put(shown);
        else drop(task.id);
      },
      settle: (saved, error) => {
        if (saved) confirmed.set(task.id, saved);
        // While a later change is pending, that one determines what is shown.
        if (!isOnlyChange(key)) return;
        const current = error ? (api.currentOf(error) ?? confirmed.get(task.id)) : saved;
        if (isGone(error)) drop(task.id);
        else if (current) put(current);
        confirmed.delete(task.id);
      },
    });
  }

  /** Runs an action, reports a failure to the user with a way to retry, and returns whether it succeeded. */
  async function attempt({ task, failure, run, retry, dismiss }: Attempt): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      dismiss?.();
      if (isGone(error)) showToast({ message: `${quoted(task)} was deleted elsewhere.` });
      else {
        showToast({
          message: `${quoted(task)} ${failure} ${errorMessage(error)}`,
          tone: "error",
          action: { label: "Try again", run: retry },
        });
      }
      return false;
    }
  }

  /** Adds a task. `read` is the task as the server reads it, if that is not known yet. */
  async function add(task: api.NewTask, read?: Promise<api.NewTask>): Promise<Task> {
    const now = new Date().toISOString();
    const shown: Task = {
      description: "",
      priority: "medium",
      tags: [],
      due_at: null,
      all_day: false,
      recurrence: null,
      time_zone: null,
      remind_at: null,
      remind_before: null,
      position: -Date.now() * 1000,
      ...task,
      id: UNSAVED_PREFIX + randomKey(),
      status: "open",
      created_at: now,
      updated_at: now,
      completed_at: null,
    };
    return mutate(shown.id, {
      show: () => put(shown),
      send: async () => {
        const body = (await read) ?? task;
        return deliver(newChange(shown.id, { kind: "create", body }), shown);
      },
      settle: (saved) => {
        if (saved) put(saved);
        drop(shown.id);
      },
    });
  }

  async function update(task: Task, patch: api.TaskPatch, version?: string): Promise<Task> {
    return change(task, { ...task, ...patch }, { kind: "update", body: patch, version });
  }

  /**
   * Updates a task unless somebody else has changed the same fields since it was read. Returns the task as it is after
   * the update, or as it is now if they have.
   */
  async function updateUnlessChanged(
    task: Task,
    patch: api.TaskPatch,
  ): Promise<{ saved: Task; current?: undefined } | { saved?: undefined; current: Task }> {
    try {
      return { saved: await update(task, patch, task.updated_at) };
    } catch (error) {
      const current = api.currentOf(error);
      if (!current) throw error;
      // Loaded only here: conflicts are rare.
      const { conflictsOf } = await import("../conflicts");
      if (conflictsOf(task, patch, current).length > 0) return { current };
      return updateUnlessChanged(current, patch);
    }
  }

  async function complete(task: Task): Promise<boolean> {
    const shown: Task = { ...task, status: "completed", completed_at: new Date().toISOString() };
    const dismiss = showToast({
      message: `Completed ${quoted(task)}`,
      action: { label: "Undo", run: () => void reopen(task) },
    });
    return attempt({
      task,
      failure: "is still open.",
      run: async () => {
        await change(task, shown, { kind: "complete" });
        // A task that repeats is followed by the next one.
        if (task.recurrence) await queryClient.invalidateQueries({ queryKey: tasksKey });
      },
      retry: () => void complete(task),
      dismiss,
    });
  }

  async function reopen(task: Task): Promise<boolean> {
    const shown: Task = { ...task, status: "open", completed_at: null };
    return attempt({
      task,
      failure: "is still completed.",
      run: () => change(task, shown, { kind: "reopen" }),
      retry: () => void reopen(task),
    });
  }

  async function remove(task: Task): Promise<boolean> {
    let deletion = Promise.resolve(false);
    const dismiss = showToast({
      message: `Deleted ${quoted(task)}`,
      action: { label: "Undo", run: () => void deletion.then((deleted) => deleted && restore(task)) },
    });
    deletion = attempt({
      task,
      failure: "was not deleted.",
      run: () => change(task, null, { kind: "delete" }).catch(ignoreGone),
      retry: () => void remove(task),
      dismiss,
    });
    return deletion;
  }

  /** Restores a deleted task, with the same id. */
  async function restore(task: Task): Promise<boolean> {
    return attempt({
      task,
      failure: "was not restored.",
      run: async () => {
        // A deletion that waits for a connection is not made at all.
        if (isWaiting() && (await import("./outbox")).takeBackDeletion(task.id)) put(task);
        else applyUndone(queryClient, await api.undoChange({ task_id: task.id }));
      },
      retry: () => void restore(task),
    });
  }

  /**
   * Undoes a step, such as all changes of one message in the chat, and returns whether it is undone now.
   * `task` is one of its tasks.
   */
  async function undo(task: Task, step: string): Promise<boolean> {
    return attempt({
      task,
      failure: "was not changed back.",
      run: async () => {
        try {
          applyUndone(queryClient, await api.undoChange({ step }));
        } catch (error) {
          if (!(error instanceof ApiError && error.code === "already_undone")) throw error;
          showToast({ message: `The change of ${quoted(task)} was undone already.` });
        }
      },
      retry: () => void undo(task, step),
    });
  }

  /** Moves a task. `group`: the tasks around it; null if their order is not by hand. */
  async function move(task: Task, group: readonly string[] | null, target: Target): Promise<void> {
    const { moveTask } = await import("./move-task");
    moveTask({ queryClient, change, attempt }, group, task.id, target);
  }

  /** Changes many tasks with one request, which is one step to undo, and returns whether it succeeded. */
  async function changeMany(tasks: readonly Task[], change: ManyChange): Promise<boolean> {
    // Loaded only here: such changes are rare.
    const many = await import("./change-many");
    return many.changeMany(
      queryClient,
      tasks.filter((task) => !isUnsaved(task)),
      change,
    );
  }

  return { add, update, updateUnlessChanged, complete, reopen, remove, restore, undo, move, changeMany };
}

/** Returns whether an action failed because its task no longer exists. */
function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

function ignoreGone(error: unknown): void {
  if (!isGone(error)) throw error;
}
