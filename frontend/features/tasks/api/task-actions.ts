/**
 * What a person does to tasks. Each action shows at once, is then sent, and is taken back where the server
 * refuses it. Those that tell the person by themselves return whether they worked. Actions on one task are sent one after another, so that the last one wins there as it does here.
 */
import type { QueryClient } from "@tanstack/react-query";
import { showToast } from "@/components/ui/toaster";
import { ApiError, errorMessage } from "@/lib/api/client";
import { randomKey } from "@/lib/random-key";
import type { Task } from "@/lib/task";
import * as api from "./tasks";
import { applyTaskChange, findCachedTask, tasksKey } from "./task-cache";

const UNSAVED_PREFIX = "unsaved:";

/** Says whether a task is still on its way to the server, and so has no id to act on. */
export function isUnsaved(task: Task): boolean {
  return task.id.startsWith(UNSAVED_PREFIX);
}

export type TaskActions = ReturnType<typeof createTaskActions>;

/** Returns the actions on the tasks of a cache. */
export function createTaskActions(queryClient: QueryClient) {
  const queues = new Map<string, Promise<unknown>>();
  /** The server's version of each task that has an action under way: what a refused action goes back to. */
  const confirmed = new Map<string, Task>();

  const put = (task: Task) => applyTaskChange(queryClient, { type: "put", task });
  const drop = (id: string) => applyTaskChange(queryClient, { type: "remove", id });

  /** A list on its way here would undo what is shown now: it is fetched again once nothing is under way. */
  function holdBackRefetch(): void {
    if (queryClient.isFetching({ queryKey: tasksKey }) === 0) return;
    void queryClient.cancelQueries({ queryKey: tasksKey });
    void Promise.allSettled(queues.values()).then(() =>
      queryClient.invalidateQueries({ queryKey: tasksKey }),
    );
  }

  function inTurn<Result>(id: string, run: () => Promise<Result>): Promise<Result> {
    const turn = (queues.get(id) ?? Promise.resolve()).catch(() => undefined).then(run);
    queues.set(id, turn);
    return turn;
  }

  /** Shows a change, sends it, and shows the server's version; goes back and throws where that fails. */
  async function change(task: Task, show: () => void, call: () => Promise<Task | void>): Promise<void> {
    if (!queues.has(task.id)) confirmed.set(task.id, findCachedTask(queryClient, task.id) ?? task);
    const turn = inTurn(task.id, call);
    holdBackRefetch();
    show();
    let saved: Task | void = undefined;
    let failure: unknown;
    try {
      saved = await turn;
      if (saved) confirmed.set(task.id, saved);
    } catch (error) {
      failure = error;
    }
    // Where a later action waits, that one decides what is shown.
    if (queues.get(task.id) === turn) {
      queues.delete(task.id);
      const shown = failure ? confirmed.get(task.id) : saved;
      if (isGone(failure)) drop(task.id);
      else if (shown) put(shown);
      confirmed.delete(task.id);
    }
    if (failure) throw failure;
  }

  function reportFailure(task: Task, what: string, error: unknown, retry: () => void): void {
    if (isGone(error)) return void showToast({ message: `${quoted(task)} was deleted elsewhere.` });
    showToast({
      message: `${quoted(task)} ${what} ${errorMessage(error)}`,
      tone: "error",
      action: { label: "Try again", run: retry },
    });
  }

  /** Adds a task; throws an ApiError where that fails, with nothing left in the list. */
  async function add(task: api.NewTask): Promise<Task> {
    const now = new Date().toISOString();
    const shown: Task = {
      description: "",
      priority: "medium",
      tags: [],
      due_at: null,
      all_day: false,
      ...task,
      id: UNSAVED_PREFIX + randomKey(),
      status: "open",
      created_at: now,
      updated_at: now,
      completed_at: null,
    };
    const turn = inTurn(shown.id, () => api.createTask(task));
    holdBackRefetch();
    put(shown);
    try {
      const saved = await turn;
      put(saved);
      return saved;
    } finally {
      queues.delete(shown.id);
      drop(shown.id);
    }
  }

  /** Changes fields; throws an ApiError where that fails, with the task as it was. */
  async function update(task: Task, patch: api.TaskPatch): Promise<void> {
    await change(
      task,
      () => put({ ...task, ...patch }),
      () => api.updateTask(task.id, patch),
    );
  }

  async function complete(task: Task): Promise<boolean> {
    const dismiss = showToast({
      message: `Completed ${quoted(task)}`,
      action: { label: "Undo", run: () => void reopen(task) },
    });
    try {
      await change(
        task,
        () => put({ ...task, status: "completed", completed_at: new Date().toISOString() }),
        () => api.completeTask(task.id),
      );
      return true;
    } catch (error) {
      dismiss();
      reportFailure(task, "is still open.", error, () => void complete(task));
      return false;
    }
  }

  async function reopen(task: Task): Promise<boolean> {
    try {
      await change(
        task,
        () => put({ ...task, status: "open", completed_at: null }),
        () => api.reopenTask(task.id),
      );
      return true;
    } catch (error) {
      reportFailure(task, "is still completed.", error, () => void reopen(task));
      return false;
    }
  }

  async function remove(task: Task): Promise<boolean> {
    let isDeleted: Promise<boolean> = Promise.resolve(false);
    const dismiss = showToast({
      message: `Deleted ${quoted(task)}`,
      action: { label: "Undo", run: () => void isDeleted.then((deleted) => deleted && restore(task)) },
    });
    isDeleted = change(
      task,
      () => drop(task.id),
      () => api.deleteTask(task.id),
    ).then(
      () => true,
      (error: unknown) => {
        if (isGone(error)) return true;
        dismiss();
        reportFailure(task, "was not deleted.", error, () => void remove(task));
        return false;
      },
    );
    return isDeleted;
  }

  /** Brings a deleted task back, as a new one with the same content. */
  async function restore(task: Task): Promise<boolean> {
    const { title, description, priority, tags, due_at, all_day } = task;
    try {
      const restored = await add({ title, description, priority, tags, due_at, all_day });
      if (task.status === "completed") put(await api.completeTask(restored.id));
      return true;
    } catch (error) {
      reportFailure(task, "was not brought back.", error, () => void restore(task));
      return false;
    }
  }

  /** Gives fields the values they had before a change. */
  async function putBack(task: Task, fields: api.TaskPatch): Promise<boolean> {
    try {
      await update(task, fields);
      return true;
    } catch (error) {
      reportFailure(task, "was not changed back.", error, () => void putBack(task, fields));
      return false;
    }
  }

  return { add, update, complete, reopen, remove, restore, putBack };
}

/** Says whether a task could not be acted on because it is no longer there. */
function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

const LONGEST_QUOTE = 40;

function quoted({ title }: Task): string {
  return `‘${title.length > LONGEST_QUOTE ? `${title.slice(0, LONGEST_QUOTE - 1).trimEnd()}…` : title}’`;
}
