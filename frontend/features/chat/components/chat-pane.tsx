"use client";

import { ArrowDown, History, PanelRightClose, SquarePen } from "lucide-react";
import { Fragment, type RefObject, useEffect, useRef, useState } from "react";
import { later } from "@/components/ui/later";
import { Button, IconButton } from "@/components/ui/button";
import { useDraft } from "@/lib/drafts";
import type { Task } from "@/lib/task";
import { Composer } from "./composer";
import { type Message, sentId, textOf } from "../conversation";
import { agentLabel, MessageView, Waiting } from "./message-view";
import { type ToolResult, useConversation } from "../use-conversation";
import type { Unanswered } from "../unanswered";
import { useStickToEnd } from "../use-stick-to-end";

const ConversationsSheet = later(() =>
  import("./conversations-sheet").then((module) => module.ConversationsSheet),
);

const examples = [
  "add buy milk tomorrow at 5pm, high priority",
  "what is due this week?",
  "how many tasks do I have?",
];

type ChatPaneProps = {
  composerRef: RefObject<HTMLTextAreaElement | null>;
  /** Whether the input takes the focus when the pane appears. */
  takesFocus: boolean;
  /** Applies the result of a tool. */
  onToolResult: (result: ToolResult) => void;
  /** Undoes the changes of a message, and returns whether that succeeded. */
  onUndo: (task: Task, step: string) => Promise<boolean>;
  onInterrupted: () => void;
  onShowTask: (task: Task) => void;
  onFold: () => void;
};

/** The conversation with the agent. */
export function ChatPane({
  composerRef,
  takesFocus,
  onToolResult,
  onUndo,
  onInterrupted,
  onShowTask,
  onFold,
}: ChatPaneProps) {
  const [text, setText] = useDraft("message");
  const chat = useConversation({
    onToolResult,
    onInterrupted,
    // Keep the message in the input until the user has signed in again.
    onSignedOut: setText,
  });

  const wantsFocus = useRef(takesFocus);
  useEffect(() => {
    if (wantsFocus.current) composerRef.current?.focus();
  }, [composerRef]);

  const viewRef = useRef<HTMLDivElement>(null);
  const { isAway, goToEnd } = useStickToEnd(viewRef, chat.messages);

  const [browses, setBrowses] = useState(false);
  // The key of the message that is edited.
  const [editing, setEditing] = useState<string | null>(null);
  const send = (message: string) => {
    goToEnd();
    void chat.send(message, editing ?? undefined);
    setEditing(null);
  };
  const unsent = new Map(chat.unanswered.map((each) => [sentId(each.outgoing.idempotencyKey), each]));
  const last = chat.isAnswering ? undefined : editableOf(chat.messages, unsent);
  const editLast = last
    ? () => {
        setEditing(last.idempotency_key);
        setText(textOf(last));
        composerRef.current?.focus();
      }
    : null;

  const agent = chat.messages.findLast((message) => message.agent !== null);
  const lastId = chat.messages.at(-1)?.id;
  const isEmpty = !chat.isLoading && !chat.loadError && chat.messages.length === 0;
  const isWaiting = chat.isAnswering && chat.messages.at(-1)?.role === "user";

  return (
    <section aria-label="Chat" className="flex h-full min-h-0 flex-col">
      <div className="flex h-12 shrink-0 items-center pr-2 pl-4">
        <div className="flex min-w-0 grow items-baseline gap-2">
          <h2 className="font-semibold">Chat</h2>
          {agent && <span className="truncate text-small text-text-2">{agentLabel(agent)}</span>}
        </div>
        {chat.conversations.length > 0 && (
          <IconButton label="Conversations" onClick={() => setBrowses(true)}>
            <History />
          </IconButton>
        )}
        {browses && (
          <ConversationsSheet
            currentId={chat.conversationId}
            onOpen={(id) => {
              setEditing(null);
              chat.open(id);
            }}
            onDeleted={chat.startNew}
            onClose={() => setBrowses(false)}
          />
        )}
        <IconButton
          label="New conversation"
          disabled={isEmpty}
          onClick={() => {
            setEditing(null);
            chat.startNew();
            composerRef.current?.focus();
          }}
        >
          <SquarePen />
        </IconButton>
        <IconButton label="Hide chat" className="max-md:hidden" onClick={onFold}>
          <PanelRightClose />
        </IconButton>
      </div>

      <div className="relative min-h-0 grow">
        <div ref={viewRef} className="h-full overflow-y-auto overscroll-contain px-4 pb-2">
          <div>
            <div role="log" aria-label="Conversation" aria-live="polite" className="space-y-4 pt-1">
              {chat.messages.map((message, index) => (
                <Fragment key={message.id}>
                  <MessageView
                    message={message}
                    isStreaming={chat.isAnswering && message.id === lastId && message.role === "assistant"}
                    onEdit={message === last ? editLast : null}
                    onRetry={index === chat.messages.length - 1 ? retryOf(chat.messages, chat) : undefined}
                    onShowTask={onShowTask}
                    onUndo={onUndo}
                  />
                  <NotSent
                    unanswered={unsent.get(message.id)}
                    isBusy={chat.isAnswering}
                    onRetry={(failed) => void chat.resend(failed)}
                  />
                </Fragment>
              ))}
              {isWaiting && <Waiting />}
            </div>
            {chat.isLoading && <ConversationSkeleton />}
            {chat.loadError && (
              <div role="alert" className="py-8 text-center text-small">
                <p className="mb-3 text-text-2">{chat.loadError}</p>
                <Button onClick={chat.reload}>Try again</Button>
              </div>
            )}
            {isEmpty && <Examples onChoose={send} />}
          </div>
        </div>
        {isAway && (
          <IconButton
            label="Go to the latest message"
            onClick={goToEnd}
            className="absolute bottom-2 left-1/2 size-8 -translate-x-1/2 rounded-full border border-line bg-raised shadow-raised"
          >
            <ArrowDown />
          </IconButton>
        )}
      </div>

      <div className="shrink-0 px-3 pt-2 pb-3">
        <p role="status" className="sr-only">
          {chat.isAnswering ? "Writing a reply." : ""}
        </p>
        <Composer
          text={text}
          onChange={setText}
          inputRef={composerRef}
          isAnswering={chat.isAnswering}
          onSend={send}
          onStop={chat.stop}
          onEditLast={editLast}
          onCancelEdit={
            editing
              ? () => {
                  setEditing(null);
                  setText("");
                }
              : null
          }
        />
      </div>
    </section>
  );
}

/** Returns the last message of the user, if it was answered and can be replaced. */
function editableOf(messages: readonly Message[], unsent: ReadonlyMap<string, unknown>): Message | undefined {
  const said = messages.at(-2);
  const canReplace = said?.role === "user" && said.idempotency_key !== null && said.state !== "replaced";
  return canReplace && !unsent.has(said.id) && messages.at(-1)?.role === "assistant" ? said : undefined;
}

/** Returns a function that retries the last reply; undefined during a reply or without an idempotency key. */
function retryOf(messages: readonly Message[], chat: ReturnType<typeof useConversation>) {
  const [said, reply] = messages.slice(-2);
  if (chat.isAnswering || said?.role !== "user" || said.idempotency_key === null || !reply) return undefined;
  return () => void chat.retry(said, reply);
}

type NotSentProps = {
  unanswered: Unanswered | undefined;
  isBusy: boolean;
  onRetry: (unanswered: Unanswered) => void;
};

/** Tells why a message was not sent, and sends it again. */
function NotSent({ unanswered, isBusy, onRetry }: NotSentProps) {
  if (!unanswered) return null;
  return (
    <div
      role="alert"
      className="-mt-3 flex flex-wrap items-center justify-end gap-x-2 text-right text-small text-danger"
    >
      Not sent. {unanswered.reason}
      <button
        type="button"
        className="font-medium underline disabled:opacity-55"
        disabled={isBusy}
        onClick={() => onRetry(unanswered)}
      >
        Send again
      </button>
    </div>
  );
}

function Examples({ onChoose }: { onChoose: (example: string) => void }) {
  return (
    <div className="pt-[8vh]">
      <p className="mb-3 text-text-2">Ask a question or describe what to do. For example:</p>
      <ul className="space-y-2">
        {examples.map((example) => (
          <li key={example}>
            <button
              type="button"
              onClick={() => onChoose(example)}
              className="w-full rounded-xl border border-line bg-surface px-3.5 py-2.5 text-left transition-colors hover:border-line-strong"
            >
              {example}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function ConversationSkeleton() {
  return (
    <div role="status" aria-label="Loading the conversation" className="animate-pulse-soft space-y-4 pt-2">
      <div className="ml-auto h-9 w-2/3 rounded-2xl bg-surface-3" />
      <div className="h-3 w-4/5 rounded bg-surface-3" />
      <div className="h-3 w-3/5 rounded bg-surface-3" />
    </div>
  );
}
