"use client";

import { useState } from "react";
import { useStoredText } from "@/lib/browser-storage";
import { useMediaQuery } from "@/lib/use-media-query";

/** The width from which the views and the chat have room beside the tasks; Tailwind's `lg`. */
export const WIDE = "(min-width: 64rem)";
/** The width up to which the page shows the tasks or the chat; Tailwind's `md`. */
const NARROW = "(max-width: 47.99rem)";

/**
 * Whether the chat is open: beside the tasks on a wide screen, which the browser remembers, and over them on a
 * narrower one, where it starts folded. `isSeen`: whether it has been visible, so that it is loaded.
 */
export function useChatFold(isChosen: boolean) {
  const [folded, setFolded] = useStoredText("localStorage", "chat-folded");
  const [isOver, setOver] = useState(false);
  const isWide = useMediaQuery(WIDE);
  const isNarrow = useMediaQuery(NARROW);
  const isBeside = folded === "";
  const [isSeen, setSeen] = useState(false);
  if (!isSeen && (isNarrow ? isChosen : isWide ? isBeside : isOver)) setSeen(true);
  const setChatOpen = (open: boolean) => {
    if (window.matchMedia(WIDE).matches) setFolded(open ? "" : "yes");
    else setOver(open);
  };
  return { isBeside, isOver, isSeen, setChatOpen };
}
