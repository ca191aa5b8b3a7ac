"use client";

import { useStoredText } from "@/lib/browser-storage";

/** Whether the chat stands beside the tasks on a wide screen; this browser remembers it. */
export function useChatFold() {
  const [folded, setFolded] = useStoredText("localStorage", "chat-folded");
  return { isChatOpen: folded === "", setChatOpen: (open: boolean) => setFolded(open ? "" : "yes") };
}
