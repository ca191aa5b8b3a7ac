/** Moves a task by hand, within its group. */
import type { QueryClient } from "@tanstack/react-query";
import { showToast } from "@/components/ui/toaster";
import type { Task } from "@/lib/task";
import { byHand, placeOf } from "../group-tasks";
import { isUnsaved, quoted } from "./naming";
import type { Kind } from "./changes";
import type { Attempt } from "./task-actions";
import { flattenPages, openTasksKey, type TaskPages, tasksKey } from "./task-cache";

/** A place in the order by hand: in front of a task, or at the end. It is shown with a number of its own. */
type Place = { before: string | null; position: number };

/** Where a task moves to: down by one, up by one, in front of another one, or to the end. */
export type Target = 1 | -1 | { before: string | null };

/** How a change is made, and how its failure is reported. */
type Changes = {
  queryClient: QueryClient;
  change: (task: Task, shown: Task, what: Kind) => Promise<Task>;
  attempt: (attempt: Attempt) => Promise<boolean>;
};

/** The last message, the task that it is about, and where that was before it was moved. */
let last: { id: string; from: Place; dismiss: () => boolean } | null = null;

/**
 * Moves a task among the tasks of its group. Several moves of one task are one to undo.
 *
 * @param ids the tasks of the group; null if their order is not by hand.
 */
export function moveTask(changes: Changes, ids: readonly string[] | null, id: string, target: Target): void {
  if (!ids) {
    last?.dismiss();
    const message = "Only tasks under ‘No date’ can be moved. The others are in the order of their dates.";
    last = { id: "", from: { before: null, position: 0 }, dismiss: showToast({ message }) };
    return;
  }
  const cached = new Map(
    flattenPages(changes.queryClient.getQueryData<TaskPages>(openTasksKey)).map((task) => [task.id, task]),
  );
  const tasks = ids.flatMap((each) => cached.get(each) ?? []).sort(byHand);
  const at = tasks.findIndex((task) => task.id === id);
  const task = tasks[at];
  const others = tasks.filter((other) => other !== task);
  const to = placeAmong(others, at, target);
  const [previous, next] = [others[to - 1], others[to]];
  if (!task || to === at || !tasks[to] || [task, next].some((each) => each && isUnsaved(each))) return;

  const low = previous ? placeOf(previous) : placeOf(next!) - 2_000;
  const high = next ? placeOf(next) : low + 2_000_000;
  const place = { before: next?.id ?? null, position: (low + high) / 2 };
  void put(changes, task, place, [previous ? low : -Infinity, next ? high : Infinity]);

  const isSameMove = last?.id === id && last.dismiss();
  const from = isSameMove ? last!.from : { before: tasks[at + 1]?.id ?? null, position: placeOf(task) };
  const dismiss = showToast({
    message: `Moved ${quoted(task)} ${to < at ? "up" : "down"}: ${to + 1} of ${tasks.length}`,
    action: { label: "Undo", run: () => void put(changes, task, from, [-Infinity, Infinity]) },
  });
  last = { id, from, dismiss };
}

/** Puts a task into a place between two others. */
async function put(
  changes: Changes,
  task: Task,
  place: Place,
  between: readonly [number, number],
): Promise<boolean> {
  const { before, position } = place;
  return changes.attempt({
    task,
    failure: "was not moved.",
    run: async () => {
      const saved = await changes.change(task, { ...task, position }, { kind: "move", body: { before } });
      // Where two tasks leave no number between them, all tasks get new ones.
      const at = placeOf(saved);
      const isBetween = between[0] < at && at < between[1];
      if (!isBetween) await changes.queryClient.invalidateQueries({ queryKey: tasksKey });
    },
    retry: () => void put(changes, task, place, between),
  });
}

/** Returns the place that a target means among the other tasks of the group; -1 if it is gone. */
function placeAmong(others: readonly Task[], at: number, target: Target): number {
  if (typeof target === "number") return at + target;
  const { before } = target;
  return before === null ? others.length : others.findIndex((other) => other.id === before);
}
