/** Sends a message to /api/chat and streams the reply, across interruptions. */
import { ApiError, openApi } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { timeZone } from "@/lib/calendar";
import { parseStreamEvent, type StreamEvent } from "../conversation";
import { readEventData } from "@/lib/api/event-stream";

/** Maximum number of requests for one reply, while another server still writes it or its server is away. */
const MAX_REQUESTS = 60;
/** Maximum number of times that a reply may start and be interrupted. */
const MAX_STARTS = 6;
const RETRY_DELAY_MS = 1_000;

export const REPLY_INCOMPLETE = "The reply was interrupted.";

export type OutgoingMessage = {
  message: string;
  /** Null for the first message of a conversation. */
  conversationId: string | null;
  /** The same for every attempt to send the same message, so that it is answered once. */
  idempotencyKey: string;
  /** The key of the last message, which this one replaces. */
  replaces?: string;
  /** Whether to answer again, even if the reply has failed. */
  retry?: boolean;
};

/**
 * Sends a message and yields the events of the reply to its end.
 *
 * An interrupted reply is requested again with the same key, which repeats no action; it begins with another start
 * event. While another server still writes the reply (409), this waits for it.
 * @throws ApiError when there is no reply, or it cannot be completed.
 */
export async function* streamReply(
  outgoing: OutgoingMessage,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
  let { conversationId } = outgoing;
  for (let requests = 1, starts = 0; ; requests++) {
    let failure: unknown = new ApiError(REPLY_INCOMPLETE, 0);
    try {
      for await (const event of requestReply({ ...outgoing, conversationId }, signal)) {
        if (event.type === "abort") {
          if (event.reason) failure = new ApiError(event.reason, 0);
          break;
        }
        if (event.type === "start") {
          starts++;
          // If this conversation is deleted meanwhile, a retry must not start another one.
          conversationId = event.conversation_id;
        }
        yield event;
        if (event.type === "finish") return;
      }
    } catch (error) {
      // The error of a broken connection has no text for the user.
      if (error instanceof ApiError || starts === 0) failure = error;
    }
    signal.throwIfAborted();
    const isElsewhere = failure instanceof ApiError && failure.status === 409;
    const isAway = starts > 0 && failure instanceof ApiError && failure.isTemporary;
    if (!(isElsewhere || isAway) || starts >= MAX_STARTS || requests >= MAX_REQUESTS) throw failure;
    await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS));
    signal.throwIfAborted();
  }
}

/** Sends one request and yields the events of its response. */
async function* requestReply(outgoing: OutgoingMessage, signal: AbortSignal): AsyncGenerator<StreamEvent> {
  const body: components["schemas"]["ChatRequest"] = {
    message: outgoing.message,
    idempotency_key: outgoing.idempotencyKey,
    retry: outgoing.retry ?? false,
    time_zone: timeZone(),
    ...(outgoing.replaces && { replaces: outgoing.replaces }),
    ...(outgoing.conversationId && { conversation_id: outgoing.conversationId }),
  };
  const response = await openApi("/api/chat", { method: "POST", signal, body });
  if (!response.body) return;
  for await (const data of readEventData(response.body)) {
    if (data === "[DONE]") return;
    const event = parseStreamEvent(data);
    if (event) yield event;
  }
}
