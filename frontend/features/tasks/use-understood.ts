"use client";

import { useEffect, useRef, useState } from "react";
import { type ParsedTask, parseTask } from "./api/parse";
import { maskWords, understand, type Understood } from "./understood";

/** The pause in typing after which the server is asked. */
const PAUSE_MS = 120;

type Read = { masked: string; understood: Understood };

/**
 * Asks the server what it understands of a text, as one types.
 *
 * @param kept words that stay in the title.
 * @returns what is shown (of an earlier text, until the answer to this one comes), and what was understood of exactly
 *   this text, or null.
 */
export function useUnderstood(text: string, kept: readonly string[]) {
  const [latest, setLatest] = useState<Read | null>(null);
  const masked = maskWords(text, kept);
  const input = useRef({ text, kept });
  useEffect(() => {
    input.current = { text, kept };
  });

  const isEmpty = masked.trim() === "";
  useEffect(() => {
    if (isEmpty) return;
    const controller = new AbortController();
    const show = (parsed: ParsedTask) =>
      setLatest({
        masked,
        understood: understand(input.current.text, input.current.kept, parsed, new Date()),
      });
    const timer = setTimeout(() => {
      // Without an answer the text is the title.
      parseTask(masked, controller.signal).then(show, () => controller.signal.aborted || setLatest(null));
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [masked, isEmpty]);

  return {
    shown: isEmpty ? null : (latest?.understood ?? null),
    exact: latest?.masked === masked ? latest.understood : null,
  };
}
