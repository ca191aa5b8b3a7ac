"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError, errorMessage } from "@/lib/api/client";
import { randomKey } from "@/lib/random-key";
import { listConversations, readConversation } from "./api/conversations";
import { type OutgoingMessage, REPLY_INCOMPLETE, streamReply } from "./api/reply-stream";
import { applyStreamEvent, type Message } from "./conversation";

export const conversationsKey = ["conversations"] as const;

export type ToolResult = { toolCallId: string; toolName: string; output: unknown };

/** A message without a reply, or with an incomplete one. */
export type Unanswered = {
  outgoing: OutgoingMessage;
  reason: string;
  /** Whether the server reported the failure: a retry with the same key would return the same failure. */
  isFinal: boolean;
};

type ConversationOptions = {
  onToolResult: (result: ToolResult) => void;
  /** Called when a reply ends early: the agent may have done more than the page knows. */
  onInterrupted: () => void;
  /** Called with a message that could not be sent because the session has ended. */
  onSignedOut: (message: string) => void;
};

/** The current conversation: initially the most recent one; open() and startNew() replace it. */
export function useConversation({ onToolResult, onInterrupted, onSignedOut }: ConversationOptions) {
  const queryClient = useQueryClient();
  // undefined: the most recent conversation, once it is known. null: a new conversation.
  const [chosenId, setChosenId] = useState<string | null | undefined>(undefined);
  const [messages, setMessages] = useState<Message[] | null>(null);
  const [unanswered, setUnanswered] = useState<Unanswered | null>(null);
  const [isAnswering, setIsAnswering] = useState(false);
  const [stoppedId, setStoppedId] = useState<string | null>(null);
  const answering = useRef<AbortController>(null);
  const conversationId = useRef<string | null>(null);

  const list = useQuery({ queryKey: conversationsKey, queryFn: ({ signal }) => listConversations(signal) });
  const wantedId = chosenId === undefined ? list.data?.[0]?.id : chosenId;
  const stored = useQuery({
    queryKey: [...conversationsKey, wantedId],
    queryFn: ({ signal }) => readConversation(wantedId!, signal),
    enabled: Boolean(wantedId) && messages === null,
    staleTime: 0,
    gcTime: 0,
  });

  // Load the stored messages once; from then on the page is ahead of the server.
  if (messages === null && stored.data && !stored.isFetching) setMessages(stored.data.messages);
  useEffect(() => {
    conversationId.current = wantedId ?? null;
  }, [wantedId]);
  useEffect(() => () => answering.current?.abort(), []);

  const deliver = useCallback(
    async (outgoing: OutgoingMessage) => {
      const controller = new AbortController();
      answering.current = controller;
      setIsAnswering(true);
      setUnanswered(null);

      let reply: Message = {
        id: `reply-${outgoing.idempotencyKey}`,
        role: "assistant",
        agent: null,
        parts: [],
      };
      const shownAs = new Set([reply.id]);
      const toolNames = new Map<string, string>();
      let failure: string | null = REPLY_INCOMPLETE;
      let isFinal = false;
      const show = () =>
        setMessages((current) => [...(current ?? []).filter((message) => !shownAs.has(message.id)), reply]);
      try {
        for await (const event of streamReply(outgoing, controller.signal)) {
          if (event.type === "start") {
            failure = REPLY_INCOMPLETE;
            isFinal = false;
            shownAs.add(event.messageId);
            conversationId.current = event.conversation_id;
            setChosenId(event.conversation_id);
          }
          if (event.type === "tool-input-available") toolNames.set(event.toolCallId, event.toolName);
          if (event.type === "error") {
            failure = event.errorText;
            isFinal = true;
          }
          if (event.type === "finish" && !isFinal) failure = null;
          reply = applyStreamEvent(reply, event);
          show();
          if (event.type === "tool-output-available") {
            const toolName = toolNames.get(event.toolCallId) ?? "";
            onToolResult({ toolCallId: event.toolCallId, toolName, output: event.output });
          }
        }
      } catch (error) {
        failure = errorMessage(error);
        if (error instanceof ApiError && error.status === 401) onSignedOut(outgoing.message);
      }
      if (answering.current !== controller) return;
      answering.current = null;
      setIsAnswering(false);
      if (controller.signal.aborted) setStoppedId(reply.id);
      if (failure !== null || controller.signal.aborted) onInterrupted();
      if (failure !== null && !controller.signal.aborted)
        setUnanswered({ outgoing, reason: failure, isFinal });
      void queryClient.invalidateQueries({ queryKey: conversationsKey, exact: true });
    },
    [queryClient, onToolResult, onInterrupted, onSignedOut],
  );

  const send = useCallback(
    (message: string) => {
      const idempotencyKey = randomKey();
      const shown: Message = {
        id: `sent-${idempotencyKey}`,
        role: "user",
        agent: null,
        parts: [{ type: "text", text: message }],
      };
      setMessages((current) => [...(current ?? []), shown]);
      void deliver({ message, conversationId: conversationId.current, idempotencyKey });
    },
    [deliver],
  );

  /** Requests the missing reply again, or sends the message again after a failure of the server. */
  const retry = useCallback(() => {
    if (!unanswered) return;
    if (unanswered.isFinal) return send(unanswered.outgoing.message);
    setMessages((current) => {
      const sent =
        current?.findIndex((message) => message.id === `sent-${unanswered.outgoing.idempotencyKey}`) ?? -1;
      return sent < 0 ? current : (current ?? []).slice(0, sent + 1);
    });
    void deliver(unanswered.outgoing);
  }, [deliver, send, unanswered]);

  const stop = useCallback(() => answering.current?.abort(), []);

  const show = useCallback((id: string | null) => {
    answering.current?.abort();
    answering.current = null;
    conversationId.current = id;
    setIsAnswering(false);
    setUnanswered(null);
    setChosenId(id);
    setMessages(id === null ? [] : null);
  }, []);

  const isEmpty = list.isSuccess && !wantedId;
  const error = list.error ?? stored.error;
  return {
    conversations: list.data ?? [],
    conversationId: wantedId ?? null,
    messages: messages ?? [],
    isLoading: messages === null && !isEmpty && !error,
    loadError: messages === null && error ? errorMessage(error) : null,
    reload: () => void (list.isError ? list.refetch() : stored.refetch()),
    isAnswering,
    stoppedId,
    unanswered,
    send,
    retry,
    stop,
    open: show,
    startNew: useCallback(() => show(null), [show]),
  };
}
