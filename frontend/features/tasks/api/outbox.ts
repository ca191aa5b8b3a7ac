/** Changes that are kept without a connection, and sent in their order when there is one. */
import type { QueryClient } from "@tanstack/react-query";
import { ApiError, errorMessage } from "@/lib/api/client";
import { isWaiting, readOutbox, type Waiting, writeOutbox } from "@/lib/outbox";
import type { Task } from "@/lib/task";
import { type Change, knownAs, sendChange } from "./changes";
import { applyTaskChange, tasksKey } from "./task-cache";

export type Entry = Waiting & { change: Change; shown: Task | null; title: string };

const RETRY_MS = { first: 2_000, longest: 60_000 };

const entries = () => readOutbox<Entry>();
const without = (key: string) => entries().filter(({ change }) => change.key !== key);

let onKept = () => {};

/** Keeps a change until it can be sent. Returns the task as it is shown. */
export function keep(change: Change, shown: Task | null): Task | undefined {
  // A new task has an id of this browser until it is sent.
  const id = change.kind === "create" ? `local-${change.key}` : change.id;
  const task = shown && { ...shown, id };
  const title = task?.title ?? entries().findLast((entry) => entry.change.id === id)?.shown?.title ?? "";
  writeOutbox([...entries(), { change: { ...change, id }, shown: task, title }]);
  onKept();
  return task ?? undefined;
}

/** Takes back a deletion that was not sent yet. Returns whether there was one. */
export function takeBackDeletion(id: string): boolean {
  const found = entries().find(({ change }) => change.id === id && change.kind === "delete");
  if (found) writeOutbox(without(found.change.key));
  return found !== undefined;
}

/** Forgets a refused change. */
export function dismissRefusal({ change }: Entry): void {
  writeOutbox(without(change.key));
}

/** Shows the tasks as they are after the changes that wait. */
export function applyWaiting(queryClient: QueryClient): void {
  for (const { change, shown, refusal } of entries()) {
    if (refusal) continue;
    applyTaskChange(queryClient, shown ? { type: "put", task: shown } : { type: "remove", id: change.id });
  }
}

/** Sends what waits whenever the server may be reached, until the returned function is called. */
export function startSending(queryClient: QueryClient): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let isStopped = false;
  let running: Promise<void> | null = null;

  const send = () => {
    clearTimeout(timer);
    running ??= sendAll(queryClient)
      .then(() => (failures = 0))
      .catch(() => {
        if (isStopped) return;
        timer = setTimeout(send, Math.min(RETRY_MS.first * 2 ** failures++, RETRY_MS.longest));
      })
      .then(() => void (running = null));
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(send, RETRY_MS.first);
  };
  onKept = wait;
  window.addEventListener("online", send);
  if (isWaiting()) send();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    onKept = () => {};
    window.removeEventListener("online", send);
  };
}

/** Sends the changes one after another. Only one tab does. Throws when the server cannot take them now. */
async function sendAll(queryClient: QueryClient): Promise<void> {
  if (!isWaiting()) return;
  const run = async () => {
    for (let entry = nextOf(); entry; entry = nextOf()) await sendNext(queryClient, entry);
    await queryClient.invalidateQueries({ queryKey: tasksKey });
  };
  // Without HTTPS there are no locks; the keys of the changes then prevent doubles.
  await (navigator.locks ? navigator.locks.request("outbox", run) : run());
}

const nextOf = () => entries().find(({ refusal }) => !refusal);

async function sendNext(queryClient: QueryClient, { change }: Entry): Promise<void> {
  const { id, key, kind } = change;
  try {
    settle(queryClient, change, await sendChange(change));
  } catch (error) {
    if (!(error instanceof ApiError) || error.isTemporary || error.status === 401) throw error;
    if (error.status === 404 && kind === "delete") return settle(queryClient, change, undefined);
    const refusal =
      error.status === 404
        ? "The task was deleted elsewhere."
        : error.status === 412
          ? "The task was changed elsewhere. Open it and make your change again."
          : errorMessage(error);
    // What follows the addition of a task means nothing without it.
    const rest = kind === "create" ? entries().filter((entry) => entry.change.id !== id) : without(key);
    const refused = entries().find((entry) => entry.change.key === key);
    writeOutbox(refused ? [{ ...refused, refusal }, ...rest] : rest);
    if (kind === "create") applyTaskChange(queryClient, { type: "remove", id });
  }
}

/** Removes a change that the server has made, and shows the task unless later changes to it still wait. */
function settle(queryClient: QueryClient, change: Change, saved: Task | undefined): void {
  let later: Task | null | undefined;
  const rest = without(change.key).map((entry): Entry => {
    if (entry.change.id !== change.id || !saved) return entry;
    later = entry.shown && { ...entry.shown, id: saved.id };
    const next = { ...entry.change, id: saved.id };
    if (next.kind === "update" && next.version) next.version = saved.updated_at;
    return { ...entry, change: next, shown: later };
  });
  writeOutbox(rest);
  if (saved) knownAs.set(change.id, saved.id);
  if (saved?.id !== change.id) applyTaskChange(queryClient, { type: "remove", id: change.id });
  const shown = later === undefined ? saved : later;
  if (shown) applyTaskChange(queryClient, { type: "put", task: shown });
}
