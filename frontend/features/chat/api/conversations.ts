/** Calls to /api/conversations. */
import { callApi } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import type { Message } from "../conversation";

type Schemas = components["schemas"];

export type ConversationSummary = Schemas["ConversationOut"];
export type StoredConversation = Omit<Schemas["ConversationDetail"], "messages"> & { messages: Message[] };

/** Returns the conversations, the most recent first. */
export async function listConversations(signal?: AbortSignal): Promise<ConversationSummary[]> {
  const page = await callApi<Schemas["ConversationPage"]>("/api/conversations?limit=20", { signal });
  return page.items;
}

/** Stops the reply in progress, also one that another server generates. */
export async function stopReply(id: string): Promise<void> {
  await callApi(`/api/conversations/${encodeURIComponent(id)}/stop`, { method: "POST" });
}

export function readConversation(id: string, signal?: AbortSignal): Promise<StoredConversation> {
  return callApi(`/api/conversations/${encodeURIComponent(id)}`, { signal });
}
