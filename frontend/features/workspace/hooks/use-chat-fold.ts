"use client";

import { useState } from "react";
import { useStoredText } from "@/lib/browser-storage";

/** The width from which the chat has room beside the tasks; Tailwind's `lg`. */
const BESIDE = "(min-width: 64rem)";

/**
 * Whether the chat is open: beside the tasks on a wide screen, which the browser remembers, and over them on a
 * narrower one, where it starts folded.
 */
export function useChatFold() {
  const [folded, setFolded] = useStoredText("localStorage", "chat-folded");
  const [isOver, setOver] = useState(false);
  const setChatOpen = (open: boolean) => {
    if (window.matchMedia(BESIDE).matches) setFolded(open ? "" : "yes");
    else setOver(open);
  };
  return { isBeside: folded === "", isOver, setChatOpen };
}
