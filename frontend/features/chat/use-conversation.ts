"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ApiError, errorMessage } from "@/lib/api/client";
import { useDraft } from "@/lib/drafts";
import { onLiveEvent } from "@/lib/live-events";
import { isWaiting } from "@/lib/outbox";
import { randomKey } from "@/lib/random-key";
import { listConversations, readConversation, stopReply } from "./api/conversations";
import { type OutgoingMessage, REPLY_INCOMPLETE, streamReply } from "./api/reply-stream";
import { applyStreamEvent, type Message, newReply, sentId, textOf } from "./conversation";
import { sentMessage, type Unanswered, useUnanswered } from "./unanswered";

export const conversationsKey = ["conversations"] as const;

export type ToolResult = { toolCallId: string; toolName: string; output: unknown };

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
  const unanswered = useUnanswered();
  const [isAnswering, setIsAnswering] = useState(false);
  const answering = useRef<AbortController>(null);
  const conversationId = useRef<string | null>(null);

  const list = useQuery({ queryKey: conversationsKey, queryFn: ({ signal }) => listConversations(signal) });
  // After a reload, a new conversation whose first message was not sent is still open.
  const startsNew = unanswered.all.some(({ outgoing }) => outgoing.conversationId === null);
  const wantedId = chosenId !== undefined ? chosenId : startsNew ? null : list.data?.[0]?.id;
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

  const { add: addUnanswered, remove: removeUnanswered, latest: latestUnanswered } = unanswered;
  const deliver = useCallback(
    async (outgoing: OutgoingMessage, earlier?: Message) => {
      const controller = new AbortController();
      answering.current = controller;
      setIsAnswering(true);
      removeUnanswered(outgoing.idempotencyKey);

      let reply = earlier ? { ...earlier, state: "running" as const } : newReply(outgoing.idempotencyKey);
      const shownAs = new Set([reply.id]);
      const toolNames = new Map<string, string>();
      let hasBegun = earlier !== undefined;
      let failure: string | null = REPLY_INCOMPLETE;
      let isOffline = false;
      const show = () =>
        setMessages((current) => [...(current ?? []).filter((message) => !shownAs.has(message.id)), reply]);
      try {
        for await (const event of streamReply(outgoing, controller.signal)) {
          if (event.type === "start") {
            hasBegun = true;
            shownAs.add(event.messageId);
            if (outgoing.replaces) setMessages((current) => markReplaced(current, outgoing.replaces!));
            conversationId.current = event.conversation_id;
            setChosenId(event.conversation_id);
          }
          if (event.type === "tool-input-available") toolNames.set(event.toolCallId, event.toolName);
          reply = applyStreamEvent(reply, event);
          if (event.type === "finish") failure = null;
          show();
          if (event.type === "tool-output-available") {
            const toolName = toolNames.get(event.toolCallId) ?? "";
            onToolResult({ toolCallId: event.toolCallId, toolName, output: event.output });
          }
        }
      } catch (error) {
        failure = errorMessage(error);
        const status = error instanceof ApiError ? error.status : null;
        isOffline = status === 0;
        if (status === 401) {
          onSignedOut(outgoing.message);
          const id = sentId(outgoing.idempotencyKey);
          setMessages((current) => (current ?? []).filter((message) => message.id !== id));
          failure = null;
        }
      }
      if (answering.current !== controller) return;
      answering.current = null;
      setIsAnswering(false);
      const wasStopped = controller.signal.aborted;
      if (wasStopped || (failure !== null && hasBegun)) {
        reply = { ...reply, state: wasStopped ? "stopped" : "interrupted" };
        show();
      } else if (failure !== null) {
        addUnanswered({ outgoing, reason: failure, kind: isOffline ? "offline" : "refused" });
      }
      if (failure !== null || wasStopped || reply.state === "failed") onInterrupted();
      void queryClient.invalidateQueries({ queryKey: conversationsKey, exact: true });
    },
    [queryClient, addUnanswered, removeUnanswered, onToolResult, onInterrupted, onSignedOut],
  );

  const send = useCallback(
    (message: string, replaces?: string) => {
      const conversation = conversationId.current;
      const outgoing = {
        message,
        conversationId: conversation,
        idempotencyKey: randomKey(),
        ...(replaces && { replaces }),
      };
      setMessages((current) => [...(current ?? []), sentMessage(outgoing)]);
      return deliver(outgoing);
    },
    [deliver],
  );

  /** Sends a message again that was not sent. */
  const resend = useCallback(
    ({ outgoing }: Unanswered) => {
      const id = sentId(outgoing.idempotencyKey);
      // It comes after the messages that were sent meanwhile, as on the server.
      setMessages((current) => [
        ...(current ?? []).filter((message) => message.id !== id),
        sentMessage(outgoing),
      ]);
      // The first message of a conversation may have failed before another one started the conversation.
      return deliver({ ...outgoing, conversationId: outgoing.conversationId ?? conversationId.current });
    },
    [deliver],
  );

  /** Requests the rest of an interrupted reply, or answers the same message again after a failure. */
  const retry = useCallback(
    (said: Message, reply: Message) => {
      if (said.idempotency_key === null) return;
      const outgoing = {
        message: textOf(said),
        conversationId: conversationId.current,
        idempotencyKey: said.idempotency_key,
        retry: true,
      };
      return deliver(outgoing, reply);
    },
    [deliver],
  );

  const [outbox] = useDraft("outbox");
  const hasChanges = isWaiting(outbox);
  // Whether the page knows which conversation it shows.
  const isKnown = chosenId !== undefined || startsNew || list.isSuccess;
  useEffect(() => {
    const sendAll = async () => {
      const waiting = latestUnanswered().filter(
        ({ kind, outgoing }) =>
          kind === "offline" &&
          (outgoing.conversationId ?? conversationId.current) === conversationId.current,
      );
      for (const each of waiting) {
        if (answering.current) return;
        await resend(each);
      }
    };
    // The changes come first: a message may be about them.
    const onOnline = () => void (hasChanges || sendAll());
    if (navigator.onLine && isKnown) onOnline();
    window.addEventListener("online", onOnline);
    return () => window.removeEventListener("online", onOnline);
  }, [latestUnanswered, resend, hasChanges, isKnown]);

  const stop = useCallback(() => {
    // Without this the server takes the closed connection for a lost one.
    if (conversationId.current) void stopReply(conversationId.current).catch(() => undefined);
    answering.current?.abort();
  }, []);

  const show = useCallback((id: string | null) => {
    answering.current?.abort();
    answering.current = null;
    conversationId.current = id;
    setIsAnswering(false);
    setChosenId(id);
    setMessages(id === null ? [] : null);
  }, []);

  // Follow the conversation in other windows. While this one receives a reply, it is ahead of the server.
  useEffect(
    () =>
      onLiveEvent(({ kind, id }) => {
        if (kind === "account") return;
        if (kind !== "tasks") void queryClient.invalidateQueries({ queryKey: conversationsKey, exact: true });
        const current = conversationId.current;
        // A message that was not sent is more than the server knows.
        if (!current || answering.current || latestUnanswered().length > 0) return;
        // A change of tasks may be an undo of what a receipt shows.
        if (kind !== "tasks" && (id ?? current) !== current) return;
        const isCurrent = () => conversationId.current === current && !answering.current;
        readConversation(current)
          .then((stored) => isCurrent() && setMessages((shown) => shown && newest(shown, stored.messages)))
          .catch((error: unknown) => {
            const isDeleted = error instanceof ApiError && error.status === 404;
            if (isDeleted && isCurrent()) show(null);
          });
      }),
    [queryClient, show, latestUnanswered],
  );

  // After a reload, the messages that were not sent follow the stored ones.
  const shown = useMemo(() => {
    const current = messages ?? [];
    const missing = unanswered.all.filter(
      (each) =>
        each.outgoing.conversationId === (wantedId ?? null) &&
        !current.some(({ id }) => id === sentId(each.outgoing.idempotencyKey)),
    );
    return [...current, ...missing.map(({ outgoing }) => sentMessage(outgoing))];
  }, [messages, unanswered.all, wantedId]);

  const isEmpty = list.isSuccess && !wantedId;
  const error = list.error ?? stored.error;
  return {
    conversations: list.data ?? [],
    conversationId: wantedId ?? null,
    messages: shown,
    isLoading: messages === null && !isEmpty && !error,
    loadError: messages === null && error ? errorMessage(error) : null,
    reload: () => void (list.isError ? list.refetch() : stored.refetch()),
    isAnswering,
    unanswered: unanswered.all,
    send,
    resend,
    retry,
    stop,
    open: show,
    startNew: useCallback(() => show(null), [show]),
  };
}

/** Returns the messages with the one that has this key, and its reply, as replaced. */
function markReplaced(messages: Message[] | null, key: string): Message[] {
  const all = messages ?? [];
  const said = all.findIndex(({ idempotency_key }) => idempotency_key === key);
  return all.map((message, index) =>
    said >= 0 && (index === said || (index === said + 1 && message.role === "assistant"))
      ? { ...message, state: "replaced" }
      : message,
  );
}

/** Returns the stored messages, or those shown if they are the same, which have ids of this window. */
function newest(shown: Message[], stored: Message[]): Message[] {
  const contents = (messages: Message[]) =>
    messages.map(({ role, state, parts }) => [role, state, contentsOf(parts)]);
  return JSON.stringify(contents(shown)) === JSON.stringify(contents(stored)) ? shown : stored;
}

/** Returns what a message says and does, and what of it was undone, without the names of its pieces. */
function contentsOf(parts: Message["parts"]): string[] {
  return parts.map((part) =>
    part.type === "text" ? part.text : `${part.toolCallId} ${part.undone ?? false}`,
  );
}
