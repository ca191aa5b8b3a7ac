/**
 * Unsent text, stored per tab: a reload or another sign-in loses nothing. Drafts belong to one user and are removed
 * when another user signs in.
 */
import { readStoredText, useStoredText, writeStoredText } from "./browser-storage";

const drafts = ["new-task", "message", "unanswered"] as const;
const OWNER = "draft-owner";

const keyOf = (draft: string) => `draft:${draft}`;

/** Returns the text of a draft and its setter. */
export function useDraft(draft: (typeof drafts)[number]) {
  return useStoredText("sessionStorage", keyOf(draft));
}

/** Returns the latest text of a draft. */
export function readDraft(draft: (typeof drafts)[number]): string {
  return readStoredText("sessionStorage", keyOf(draft));
}

/** Assigns the drafts to this user, and removes those of another user. */
export function claimDrafts(userId: string): void {
  const owner = readStoredText("sessionStorage", OWNER);
  if (owner && owner !== userId) clearDrafts();
  writeStoredText("sessionStorage", OWNER, userId);
}

export function clearDrafts(): void {
  for (const draft of drafts) writeStoredText("sessionStorage", keyOf(draft), "");
  writeStoredText("sessionStorage", OWNER, "");
}
