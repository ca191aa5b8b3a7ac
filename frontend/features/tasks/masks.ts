/** Words that the grammar must not read, because the user keeps them in the title. */

// A character for private use: no grammar reads it, and nobody types it.
const MASK = "\uE000";
export const MASKED = /\uE000+/g;

/** Hides words from the grammar, so that they stay in the title. Positions in the text do not move. */
export function maskWords(text: string, kept: readonly string[]): string {
  return kept.reduce((masked, words) => masked.replace(words, MASK.repeat(words.length)), text);
}
