"use client";

import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** Maximum distance from the end at which a view still counts as at the end. */
const NEAR_END_PX = 48;

/** Keeps a view scrolled to its end while it grows, unless the user has scrolled away. */
export function useStickToEnd(viewRef: RefObject<HTMLElement | null>, content: unknown) {
  const sticks = useRef(true);
  const [isAway, setIsAway] = useState(false);

  useEffect(() => {
    const view = viewRef.current;
    if (!view) return;
    const onScroll = () => {
      sticks.current = view.scrollHeight - view.scrollTop - view.clientHeight <= NEAR_END_PX;
      setIsAway(!sticks.current);
    };
    view.addEventListener("scroll", onScroll, { passive: true });
    return () => view.removeEventListener("scroll", onScroll);
  }, [viewRef]);

  // The view may be resized or shown again, and its content may grow without a new message.
  useEffect(() => {
    const view = viewRef.current;
    if (!view) return;
    const observer = new ResizeObserver(() => {
      if (sticks.current) view.scrollTop = view.scrollHeight;
    });
    observer.observe(view);
    for (const content of view.children) observer.observe(content);
    return () => observer.disconnect();
  }, [viewRef]);

  useLayoutEffect(() => {
    const view = viewRef.current;
    if (view && sticks.current) view.scrollTop = view.scrollHeight;
  }, [viewRef, content]);

  const goToEnd = useCallback(() => {
    sticks.current = true;
    setIsAway(false);
    const view = viewRef.current;
    if (view) view.scrollTop = view.scrollHeight;
  }, [viewRef]);

  return { isAway, goToEnd };
}
