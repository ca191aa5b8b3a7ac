"use client";

import { useEffect, useRef } from "react";
import { runLatestToastAction } from "@/components/ui/toaster";

export type Shortcuts = {
  addTask: () => void;
  writeMessage: () => void;
  showHelp: () => void;
  search: () => void;
};

/** Single-key shortcuts for the whole page, except while the user types or a sheet is open. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const key = event.key.toLowerCase();
      // The browser does not find the rows of a long list that are not rendered. A second press asks the browser.
      const isFind = key === "f" && document.querySelector("[data-long-list]") !== null;
      // Unlike the others, this one works while one types.
      if ((key === "k" || isFind) && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
        if (target.closest("[role=dialog], [role=menu]")) return;
        event.preventDefault();
        latest.current.search();
        return;
      }
      if (
        event.defaultPrevented ||
        event.isComposing ||
        target.closest("input, textarea, select, [role=dialog], [role=menu]")
      ) {
        return;
      }
      const isUndo = key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
      if (isUndo) {
        if (runLatestToastAction()) event.preventDefault();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const { addTask, writeMessage, showHelp, search } = latest.current;
      const run = { q: addTask, c: writeMessage, "?": showHelp, "/": search }[event.key];
      if (!run) return;
      event.preventDefault();
      run();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
}
