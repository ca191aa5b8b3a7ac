/** The changes of tasks as requests. The server makes each one once, however often it is sent. */
import { callApi } from "@/lib/api/client";
import { randomKey } from "@/lib/random-key";
import type { Task } from "@/lib/task";
import type { NewTask, TaskMove, TaskPatch } from "./tasks";

export type Kind =
  | { kind: "create"; body: NewTask }
  /** `version`: the `updated_at` of the version to change. When the task has another one, nothing changes. */
  | { kind: "update"; body: TaskPatch; version?: string | undefined }
  | { kind: "move"; body: TaskMove }
  | { kind: "complete" | "reopen" | "delete" };

/** `id` is that of the task; of a new one, an id of this browser. `key` identifies the change. */
export type Change = { id: string; key: string } & Kind;

export function newChange(id: string, kind: Kind): Change {
  return { id, key: randomKey(), ...kind };
}

/** The tasks that were added without a connection: their ids of this browser, and those of the server. */
export const knownAs = new Map<string, string>();

const known = (id: string) => knownAs.get(id) ?? id;

/** Sends a change. Returns the task, or nothing after a deletion. */
export function sendChange(change: Change): Promise<Task | undefined> {
  const { kind, id, key } = change;
  const place = `/api/tasks/${encodeURIComponent(known(id))}`;
  const [method, path] = {
    create: ["POST", "/api/tasks"],
    update: ["PATCH", place],
    delete: ["DELETE", place],
    move: ["POST", `${place}/move`],
    complete: ["POST", `${place}/complete`],
    reopen: ["POST", `${place}/reopen`],
  }[kind] as [string, string];
  const version = kind === "update" ? change.version : undefined;
  return callApi(path, {
    method,
    ...("body" in change && {
      body: kind === "move" ? { before: change.body.before && known(change.body.before) } : change.body,
    }),
    headers: { "idempotency-key": key, ...(version && { "if-match": `"${version}"` }) },
  });
}
