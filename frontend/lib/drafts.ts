/**
 * Text that the server does not have yet. Drafts are stored per tab: a reload or another sign-in loses nothing. What
 * waits for a connection is stored for all tabs, until it is sent. All of it belongs to one user and is removed when
 * another user signs in.
 */
import { readStoredText, useStoredText, writeStoredText } from "./browser-storage";

const drafts = {
  "new-task": "sessionStorage",
  message: "sessionStorage",
  unanswered: "localStorage",
  outbox: "localStorage",
} as const;
const OWNER = "draft-owner";

export type Draft = keyof typeof drafts;

const keyOf = (draft: string) => `draft:${draft}`;

/** Returns the text of a draft and its setter. */
export function useDraft(draft: Draft) {
  return useStoredText(drafts[draft], keyOf(draft));
}

/** Returns the latest text of a draft. */
export function readDraft(draft: Draft): string {
  return readStoredText(drafts[draft], keyOf(draft));
}

export function writeDraft(draft: Draft, text: string): void {
  writeStoredText(drafts[draft], keyOf(draft), text);
}

/** Assigns the drafts to this user, and removes those of another user. */
export function claimDrafts(userId: string): void {
  for (const kind of ["sessionStorage", "localStorage"] as const) {
    const owner = readStoredText(kind, OWNER);
    if (owner && owner !== userId) clear(kind);
    writeStoredText(kind, OWNER, userId);
  }
}

export function clearDrafts(): void {
  clear("sessionStorage");
  clear("localStorage");
}

function clear(kind: "sessionStorage" | "localStorage"): void {
  for (const [draft, place] of Object.entries(drafts)) {
    if (place === kind) writeStoredText(kind, keyOf(draft), "");
  }
  writeStoredText(kind, OWNER, "");
}
