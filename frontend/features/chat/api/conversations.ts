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

/** Returns the latest conversations whose titles or messages contain each word. */
export async function findConversations(words: string, signal?: AbortSignal): Promise<ConversationSummary[]> {
  const query = new URLSearchParams({ limit: "50", ...(words && { q: words }) });
  return (await callApi<Schemas["ConversationPage"]>(`/api/conversations?${query}`, { signal })).items;
}

export function renameConversation(id: string, title: string): Promise<ConversationSummary> {
  return callApi(`/api/conversations/${encodeURIComponent(id)}`, { method: "PATCH", body: { title } });
}

/** Deletes a conversation and its messages. The tasks stay. */
export async function deleteConversation(id: string): Promise<void> {
  await callApi(`/api/conversations/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** Stops the reply in progress, also one that another server generates. */
export async function stopReply(id: string): Promise<void> {
  await callApi(`/api/conversations/${encodeURIComponent(id)}/stop`, { method: "POST" });
}

export function readConversation(id: string, signal?: AbortSignal): Promise<StoredConversation> {
  return callApi(`/api/conversations/${encodeURIComponent(id)}`, { signal });
}
