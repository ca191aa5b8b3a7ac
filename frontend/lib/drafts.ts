/**
 * What was typed and not yet sent, kept in this tab: a reload or having to sign in again loses nothing.
 * It belongs to one person, and is dropped when another signs in.
 */
import { readStoredText, useStoredText, writeStoredText } from "./browser-storage";

const drafts = ["new-task", "message"] as const;
const OWNER = "draft-owner";

const keyOf = (draft: string) => `draft:${draft}`;

/** The text of one draft. */
export function useDraft(draft: (typeof drafts)[number]) {
  return useStoredText("sessionStorage", keyOf(draft));
}

/** Keeps the drafts for this person; those of anyone else are removed. */
export function claimDrafts(userId: string): void {
  const owner = readStoredText("sessionStorage", OWNER);
  if (owner && owner !== userId) clearDrafts();
  writeStoredText("sessionStorage", OWNER, userId);
}

export function clearDrafts(): void {
  for (const draft of drafts) writeStoredText("sessionStorage", keyOf(draft), "");
  writeStoredText("sessionStorage", OWNER, "");
}
