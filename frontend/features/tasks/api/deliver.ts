import { ApiError } from "@/lib/api/client";
import { isWaiting } from "@/lib/outbox";
import type { Task } from "@/lib/task";
import { type Change, sendChange } from "./changes";

/** What a change results in: the task; nothing after a deletion, which shows none. */
export type Saved<Shown extends Task | null> = Shown extends Task ? Task : undefined;

/**
 * Sends a change now, or keeps it until the server can be reached, after the changes that wait already.
 *
 * @param shown the task after the change; null after a deletion.
 * @returns the task as the server returns it, or as it is shown until then.
 */
export async function deliver<Shown extends Task | null>(
  change: Change,
  shown: Shown,
): Promise<Saved<Shown>> {
  if (!isWaiting()) {
    try {
      return (await sendChange(change)) as Saved<Shown>;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 0) throw error;
      if (typeof localStorage === "undefined") throw error;
    }
  }
  const { keep } = await import("./outbox");
  return keep(change, shown) as Saved<Shown>;
}
