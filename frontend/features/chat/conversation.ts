/** A conversation as the page shows it, and how the events of a streamed reply change it. */
import type { components } from "@/lib/api/schema";

export type TextPart = { type: "text"; text: string; id?: string };

export type ToolPart = {
  type: "tool";
  toolCallId: string;
  toolName: string;
  input: unknown;
  output?: unknown;
  errorText?: string;
  /** Whether what the call changed was undone since. */
  undone?: boolean;
};

export type MessagePart = TextPart | ToolPart;

/** `agent` names who answered, such as "offline" or "openai"; it and `state` are null for the user's own messages. */
export type Message = Omit<components["schemas"]["MessageOut"], "parts"> & { parts: MessagePart[] };

/** The events of a reply: the AI SDK's UI message stream, which OpenAPI does not describe. */
export type StreamEvent =
  | {
      type: "start";
      messageId: string;
      conversation_id: string;
      agent?: { name: string; model: string | null };
    }
  | { type: "text-start"; id: string }
  | { type: "text-delta"; id: string; delta: string }
  | { type: "text-end"; id: string }
  | { type: "tool-input-available"; toolCallId: string; toolName: string; input: unknown }
  | { type: "tool-output-available"; toolCallId: string; output: unknown }
  | { type: "tool-output-error"; toolCallId: string; errorText: string }
  | { type: "error"; errorText: string }
  /** The reply is interrupted: sending the same message with the same key resumes it. */
  | { type: "abort"; reason?: string }
  | { type: "finish" };

/** Returns the event that the data holds, or null for an unknown form, which a newer server may send. */
export function parseStreamEvent(data: string): StreamEvent | null {
  try {
    const event: unknown = JSON.parse(data);
    const isEvent = typeof event === "object" && event !== null && "type" in event;
    return isEvent && typeof event.type === "string" ? (event as StreamEvent) : null;
  } catch {
    return null;
  }
}

/** Returns the reply after one more event of its stream. */
export function applyStreamEvent(reply: Message, event: StreamEvent): Message {
  switch (event.type) {
    case "start":
      // A second start event: the server streams the reply again from its beginning.
      return {
        ...reply,
        id: event.messageId ?? reply.id,
        agent: event.agent?.name ?? reply.agent,
        model: event.agent?.model ?? null,
        parts: [],
      };
    case "text-start":
      return { ...reply, parts: [...reply.parts, { type: "text", id: event.id, text: "" }] };
    case "text-delta":
      return appendText(reply, event.id, event.delta);
    case "tool-input-available": {
      const { toolCallId, toolName, input } = event;
      return { ...reply, parts: [...reply.parts, { type: "tool", toolCallId, toolName, input }] };
    }
    case "tool-output-available":
      return changeTool(reply, event.toolCallId, { output: event.output });
    case "tool-output-error":
      return changeTool(reply, event.toolCallId, { errorText: event.errorText });
    case "error":
      return {
        ...reply,
        state: "failed",
        parts: [...reply.parts, { type: "text", text: event.errorText }],
      };
    case "finish":
      return reply.state === "failed" ? reply : { ...reply, state: "finished" };
    default:
      return reply;
  }
}

/** Returns an empty reply of this page to a message with a key. */
export function newReply(idempotencyKey: string): Message {
  return { ...emptyMessage(), id: `reply-${idempotencyKey}`, role: "assistant", state: "running" };
}

/** Returns the user's message as the conversation shows it. */
export function newMessage(text: string, idempotencyKey: string): Message {
  const parts: MessagePart[] = [{ type: "text", text }];
  return { ...emptyMessage(), id: sentId(idempotencyKey), idempotency_key: idempotencyKey, parts };
}

/** Returns the text of a message. */
export const textOf = ({ parts }: Message): string =>
  parts.map((part) => (part.type === "text" ? part.text : "")).join("");

export const sentId = (idempotencyKey: string) => `sent-${idempotencyKey}`;

function emptyMessage(): Message {
  return {
    id: "",
    role: "user",
    agent: null,
    model: null,
    state: null,
    idempotency_key: null,
    created_at: new Date().toISOString(),
    parts: [],
  };
}

function appendText(reply: Message, id: string, delta: string): Message {
  const exists = reply.parts.some((part) => part.type === "text" && part.id === id);
  const parts: MessagePart[] = exists ? reply.parts : [...reply.parts, { type: "text", id, text: "" }];
  return {
    ...reply,
    parts: parts.map((part) =>
      part.type === "text" && part.id === id ? { ...part, text: part.text + delta } : part,
    ),
  };
}

function changeTool(reply: Message, toolCallId: string, result: Partial<ToolPart>): Message {
  return {
    ...reply,
    parts: reply.parts.map((part) =>
      part.type === "tool" && part.toolCallId === toolCallId ? { ...part, ...result } : part,
    ),
  };
}
