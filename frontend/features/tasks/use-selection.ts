"use client";

import { type KeyboardEvent, type MouseEvent, useState } from "react";

type Selection = {
  ids: ReadonlySet<string>;
  anchor: string | null;
  /** Whether each tap on a row selects it. */
  byTap: boolean;
};

const nothing: Selection = { ids: new Set(), anchor: null, byTap: false };

/**
 * The rows that are selected: with x or Ctrl-click one by one, with Shift and the arrow keys or a click as a range; by
 * touch, after the first one was selected in its menu, with a tap.
 *
 * @param ids the rows in order. What they no longer contain is not selected.
 * @param focus moves the focus to a row.
 */
export function useSelection(ids: readonly string[], focus: (id: string) => void) {
  const [{ ids: chosen, anchor, byTap }, setSelection] = useState(nothing);
  const selected = chosen.size > 0 ? ids.filter((id) => chosen.has(id)) : [];
  const isByTap = byTap && selected.length > 0;
  const toggle = (id: string) => {
    const others = selected.filter((other) => other !== id);
    setSelection({ ids: new Set(chosen.has(id) ? others : [...others, id]), anchor: id, byTap: isByTap });
  };
  const extendTo = (id: string, from: string) => {
    const [first = 0, last = 0] = [ids.indexOf(from), ids.indexOf(id)].sort((a, b) => a - b);
    setSelection({
      ids: new Set([...chosen, ...ids.slice(Math.max(first, 0), last + 1)]),
      anchor: from,
      byTap: isByTap,
    });
  };
  const clear = () => setSelection(nothing);
  /** Selects a row, and then each one that is tapped. */
  const selectByTap = (id: string) =>
    setSelection({ ids: new Set([...selected, id]), anchor: id, byTap: true });

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
  /** Selects with the mouse or a tap, and keeps the click from the row. */
  const onClick = (event: MouseEvent, id: string | undefined) => {
    if (!id || !(isByTap || event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) extendTo(id, anchor ?? id);
    else toggle(id);
    focus(id);
  };
  return { selected, isByTap, selectByTap, onKey, onClick, clear };
}
