"use client";

import { useStoredText } from "@/lib/browser-storage";

/** Whether the chat is open beside the tasks on a wide screen. The browser remembers it. */
export function useChatFold() {
  const [folded, setFolded] = useStoredText("localStorage", "chat-folded");
  return { isChatOpen: folded === "", setChatOpen: (open: boolean) => setFolded(open ? "" : "yes") };
}
