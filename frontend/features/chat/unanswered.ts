/** Messages that were not sent. They survive a reload of the page. */
import { useCallback, useMemo } from "react";
import { readDraft, useDraft } from "@/lib/drafts";
import type { OutgoingMessage } from "./api/reply-stream";
import { type Message, newMessage } from "./conversation";

export type Unanswered = {
  outgoing: OutgoingMessage;
  reason: string;
  /** "offline": not sent without a connection. "refused": the server refused it. */
  kind: "offline" | "refused";
};

/** Returns the message as the conversation shows it. */
export function sentMessage({ message, idempotencyKey }: OutgoingMessage): Message {
  return newMessage(message, idempotencyKey);
}

/** Returns the messages that were not sent, the oldest first, and functions that change them. */
export function useUnanswered() {
  const [text, setText] = useDraft("unanswered");
  const all = useMemo(() => parse(text), [text]);
  const remove = useCallback(
    (idempotencyKey: string) =>
      setText(serialize(latest().filter(({ outgoing }) => outgoing.idempotencyKey !== idempotencyKey))),
    [setText],
  );
  const add = useCallback(
    (unanswered: Unanswered) => setText(serialize([...latest(), unanswered])),
    [setText],
  );
  return { all, add, remove, latest };
}

const latest = () => parse(readDraft("unanswered"));

const serialize = (all: readonly Unanswered[]) => (all.length > 0 ? JSON.stringify(all) : "");

function parse(text: string): Unanswered[] {
  try {
    return text ? (JSON.parse(text) as Unanswered[]) : [];
  } catch {
    return [];
  }
}
