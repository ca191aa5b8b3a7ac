/** The calls to /api/chat and /api/conversations. */
import { callApi, openApi } from "@/lib/api";
import { timeZone } from "@/lib/calendar";
import { type Message, parseStreamEvent, type StreamEvent } from "./conversation";
import { readEventData } from "./event-stream";

export type ConversationSummary = { id: string; title: string; created_at: string; updated_at: string };
export type StoredConversation = ConversationSummary & { messages: Message[] };

export const MESSAGE_MAX = 4000;

/** Returns the conversations, the latest first. */
export async function listConversations(signal?: AbortSignal): Promise<ConversationSummary[]> {
  const page = await callApi<{ items: ConversationSummary[] }>("/api/conversations?limit=20", { signal });
  return page.items;
}

export function readConversation(id: string, signal?: AbortSignal): Promise<StoredConversation> {
  return callApi(`/api/conversations/${encodeURIComponent(id)}`, { signal });
}

export type OutgoingMessage = {
  message: string;
  /** None for the first message of a conversation. */
  conversationId: string | null;
  /** The same for every try to send the same message, so that it is answered once. */
  idempotencyKey: string;
};

/** Sends a message and yields the events of the reply; throws an ApiError where there is none. */
export async function* streamReply(
  outgoing: OutgoingMessage,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
  const response = await openApi("/api/chat", {
    method: "POST",
    signal,
    body: {
      message: outgoing.message,
      idempotency_key: outgoing.idempotencyKey,
      time_zone: timeZone(),
      ...(outgoing.conversationId && { conversation_id: outgoing.conversationId }),
    },
  });
  if (!response.body) return;
  for await (const data of readEventData(response.body)) {
    if (data === "[DONE]") return;
    const event = parseStreamEvent(data);
    if (event) yield event;
  }
}
