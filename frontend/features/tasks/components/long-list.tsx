"use client";

import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, type RefCallback, type RefObject, useCallback } from "react";
import type { ListItem, ListWindow } from "../list-items";

/** Heights before an item is measured: of a heading, of a row, of the button that unfolds a group. */
const ESTIMATE_PX = { heading: 42, row: 44, fold: 34 };
/** Rows in front of and behind the visible ones: a fast scroll meets no empty space. */
const OVERSCAN = 8;

export type LongListProps = {
  items: readonly ListItem[];
  /** An item that is always rendered, so that it keeps the focus; -1 for none. */
  kept: number;
  scrollRef: RefObject<HTMLElement | null>;
  children: (window: ListWindow, measure: RefCallback<HTMLElement>) => ReactNode;
};

/** Renders the part of a long list that is visible. */
export function LongList({ items, kept, scrollRef, children }: LongListProps) {
  // eslint-disable-next-line react-hooks/incompatible-library -- React Compiler is not used.
  const virtualizer = useVirtualizer<HTMLElement, HTMLElement>({
    count: items.length,
    getScrollElement: () => scrollRef.current,
    estimateSize: (index) => ESTIMATE_PX[items[index]!.kind],
    getItemKey: useCallback((index: number) => items[index]!.key, [items]),
    overscan: OVERSCAN,
    rangeExtractor: useCallback(
      (range: Parameters<typeof defaultRangeExtractor>[0]) => {
        const indexes = defaultRangeExtractor(range);
        if (kept < 0 || indexes.includes(kept)) return indexes;
        return [...indexes, kept].sort((a, b) => a - b);
      },
      [kept],
    ),
  });
  const rendered = virtualizer.getVirtualItems();
  const places = virtualizer.measurementsCache;
  const window: ListWindow = {
    indexes: rendered.map(({ index }) => index),
    startOf: (index) => places[index]?.start ?? 0,
    endOf: (index) => places[index]?.end ?? 0,
  };
  return (
    <div className="flow-root" data-long-list="" style={{ minHeight: virtualizer.getTotalSize() }}>
      {children(window, virtualizer.measureElement)}
    </div>
  );
}
