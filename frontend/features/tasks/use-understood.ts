"use client";

import { useEffect, useRef, useState } from "react";
import { parseTask } from "./api/parse";
import { maskWords } from "./masks";
import type { Understood } from "./understood";

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
    const ask = async () => {
      try {
        const [parsed, { understand }] = await Promise.all([
          parseTask(masked, controller.signal),
          import("./understood"),
        ]);
        if (controller.signal.aborted) return;
        const { text, kept } = input.current;
        setLatest({ masked, understood: understand(text, kept, parsed, new Date()) });
      } catch {
        // Without an answer the text is the title.
        if (!controller.signal.aborted) setLatest(null);
      }
    };
    const timer = setTimeout(() => void ask(), PAUSE_MS);
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
