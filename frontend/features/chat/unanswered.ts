/** Messages without a complete reply. Those that were not sent survive a reload of the page. */
import { useCallback, useMemo } from "react";
import { readDraft, useDraft } from "@/lib/drafts";
import type { OutgoingMessage } from "./api/reply-stream";
import type { Message } from "./conversation";

export type Unanswered = {
  outgoing: OutgoingMessage;
  reason: string;
  /**
   * "offline": not sent without a connection. "unsent": the server refused it. "incomplete": a retry with the same key
   * continues the reply. "failed": the server reported the failure, and a retry with the same key would repeat it.
   */
  kind: "offline" | "unsent" | "incomplete" | "failed";
};

export const isUnsent = ({ kind }: Unanswered) => kind === "offline" || kind === "unsent";

/** Returns the message as the conversation shows it. */
export function sentMessage({ message, idempotencyKey }: OutgoingMessage): Message {
  return { id: sentId(idempotencyKey), role: "user", agent: null, parts: [{ type: "text", text: message }] };
}

export const sentId = (idempotencyKey: string) => `sent-${idempotencyKey}`;

/** Returns the messages without a complete reply, the oldest first, and functions that change them. */
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
