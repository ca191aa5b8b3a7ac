/** The changes that wait for a connection, the oldest first. Another tab may change them at any time. */
import { readDraft, writeDraft } from "./drafts";

/** `refusal`: why the server did not accept the change. It stays until the user has seen it. */
export type Waiting = { refusal?: string };

export function readOutbox<Entry extends object = Waiting>(text = readDraft("outbox")): Entry[] {
  try {
    return text ? (JSON.parse(text) as Entry[]) : [];
  } catch {
    return [];
  }
}

export function writeOutbox(entries: readonly Waiting[]): void {
  writeDraft("outbox", entries.length > 0 ? JSON.stringify(entries) : "");
}

/** Returns whether changes are still to be sent. */
export function isWaiting(text = readDraft("outbox")): boolean {
  return readOutbox(text).some(({ refusal }) => !refusal);
}
