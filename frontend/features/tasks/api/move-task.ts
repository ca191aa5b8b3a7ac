/** Moves a task by hand, within its group. */
import type { QueryClient } from "@tanstack/react-query";
import { showToast } from "@/components/ui/toaster";
import type { Task } from "@/lib/task";
import { byHand, placeOf } from "../group-tasks";
import { isUnsaved, quoted } from "./naming";
import { flattenPages, openTasksKey, type TaskPages } from "./task-cache";

/** A place in the order by hand: in front of a task, or at the end. It is shown with a number of its own. */
export type Place = { before: string | null; position: number };

/** Puts a task into a place between two others. */
type Put = (task: Task, place: Place, between: readonly [number, number]) => unknown;

/** The last message, the task that it is about, and where that was before it was moved. */
let last: { id: string; from: Place; dismiss: () => boolean } | null = null;

/**
 * Moves a task down, or up with -1, among the tasks of its group. Several moves of one task are one to undo.
 *
 * @param ids the tasks of the group; null if their order is not by hand.
 */
export function moveTask(
  queryClient: QueryClient,
  put: Put,
  ids: readonly string[] | null,
  id: string,
  step: 1 | -1,
): void {
  if (!ids) {
    last?.dismiss();
    const message = "Only tasks under ‘No date’ can be moved. The others are in the order of their dates.";
    last = { id: "", from: { before: null, position: 0 }, dismiss: showToast({ message }) };
    return;
  }
  const cached = new Map(
    flattenPages(queryClient.getQueryData<TaskPages>(openTasksKey)).map((task) => [task.id, task]),
  );
  const tasks = ids.flatMap((each) => cached.get(each) ?? []).sort(byHand);
  const at = tasks.findIndex((task) => task.id === id);
  const to = at + step;
  const task = tasks[at];
  const others = tasks.filter((other) => other !== task);
  const [previous, next] = [others[to - 1], others[to]];
  if (!task || !tasks[to] || [task, next].some((each) => each && isUnsaved(each))) return;

  const low = previous ? placeOf(previous) : placeOf(next!) - 2_000;
  const high = next ? placeOf(next) : low + 2_000_000;
  const place = { before: next?.id ?? null, position: (low + high) / 2 };
  put(task, place, [previous ? low : -Infinity, next ? high : Infinity]);

  const isSameMove = last?.id === id && last.dismiss();
  const from = isSameMove ? last!.from : { before: tasks[at + 1]?.id ?? null, position: placeOf(task) };
  const dismiss = showToast({
    message: `Moved ${quoted(task)} ${step < 0 ? "up" : "down"}: ${to + 1} of ${tasks.length}`,
    action: { label: "Undo", run: () => put(task, from, [-Infinity, Infinity]) },
  });
  last = { id, from, dismiss };
}
