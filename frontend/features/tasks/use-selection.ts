"use client";

import { type KeyboardEvent, type MouseEvent, useState } from "react";

type Selection = { ids: ReadonlySet<string>; anchor: string | null };

const nothing: Selection = { ids: new Set(), anchor: null };

/**
 * The rows that are selected: with x or Ctrl-click one by one, with Shift and the arrow keys or a click as a range.
 *
 * @param ids the rows in order. What they no longer contain is not selected.
 * @param focus moves the focus to a row.
 */
export function useSelection(ids: readonly string[], focus: (id: string) => void) {
  const [{ ids: chosen, anchor }, setSelection] = useState(nothing);
  const selected = chosen.size > 0 ? ids.filter((id) => chosen.has(id)) : [];
  const toggle = (id: string) => {
    const others = selected.filter((other) => other !== id);
    setSelection({ ids: new Set(chosen.has(id) ? others : [...others, id]), anchor: id });
  };
  const extendTo = (id: string, from: string) => {
    const [first = 0, last = 0] = [ids.indexOf(from), ids.indexOf(id)].sort((a, b) => a - b);
    setSelection({ ids: new Set([...chosen, ...ids.slice(Math.max(first, 0), last + 1)]), anchor: from });
  };
  const clear = () => setSelection(nothing);

  /** Selects with the keyboard, and returns whether the key did so. */
  const onKey = (event: KeyboardEvent, id: string): boolean => {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = step && event.shiftKey ? ids[ids.indexOf(id) + step] : undefined;
    if (next) {
      extendTo(next, selected.length > 0 && anchor ? anchor : id);
      focus(next);
    } else if (event.key === "x") toggle(id);
    else if (event.key === "Escape" && selected.length > 0) clear();
    else return false;
    event.preventDefault();
    return true;
  };
  /** Selects with the mouse, and keeps the click from the row. */
  const onClick = (event: MouseEvent, id: string | undefined) => {
    if (!id || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) extendTo(id, anchor ?? id);
    else toggle(id);
    focus(id);
  };
  return { selected, onKey, onClick, clear };
}
