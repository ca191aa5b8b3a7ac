"use client";

import { Pencil } from "lucide-react";
import { memo, useEffect, useState } from "react";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { later } from "@/components/ui/later";
import { daysBetween, formatDue, formatTime } from "@/lib/calendar";
import type { Task } from "@/lib/task";
import { type Message, textOf } from "../conversation";

// Loaded with the first receipt.
const ReceiptView = later(() => import("./receipt-view").then((module) => module.ReceiptView));

type MessageViewProps = {
  message: Message;
  isStreaming: boolean;
  /** Edits this message of the user; null where it cannot be edited. */
  onEdit: (() => void) | null;
  /** Continues an interrupted reply, or answers again after a failure. Only the last reply has it. */
  onRetry: (() => void) | undefined;
  onShowTask: (task: Task) => void;
  onUndo: (task: Task, step: string) => Promise<boolean>;
};

export const MessageView = memo(function MessageView({
  message,
  isStreaming,
  onEdit,
  onRetry,
  onShowTask,
  onUndo,
}: MessageViewProps) {
  if (message.role === "user") {
    return (
      <div className="group flex flex-wrap items-center justify-end gap-x-1">
        <span className="sr-only">You said: </span>
        {onEdit && (
          <IconButton
            label="Edit this message"
            onClick={onEdit}
            className="size-8 opacity-0 group-hover:opacity-100 focus-visible:opacity-100 pointer-coarse:opacity-100 [&_svg]:size-3.5"
          >
            <Pencil />
          </IconButton>
        )}
        <div
          dir="auto"
          className={classNames(
            "max-w-[85%] rounded-2xl rounded-br-md px-3.5 py-2 [overflow-wrap:anywhere] whitespace-pre-wrap",
            message.state === "replaced" ? "bg-surface-3 text-text-2" : "bg-accent-soft",
          )}
        >
          {textOf(message)}
        </div>
        {message.state === "replaced" && (
          <p className="basis-full pt-0.5 text-right text-small text-text-2">Edited below</p>
        )}
      </div>
    );
  }
  return (
    <div aria-busy={isStreaming || undefined}>
      {message.agent && (
        <div className="mb-0.5 text-small text-text-2">
          {agentLabel(message)} · <span className="whitespace-nowrap">{timeOf(message)}</span>
        </div>
      )}
      {message.parts.map((part, index) =>
        part.type === "text" ? (
          <p key={index} dir="auto" className="[overflow-wrap:anywhere] whitespace-pre-wrap">
            {part.text}
          </p>
        ) : (
          <ReceiptView key={part.toolCallId} part={part} onShowTask={onShowTask} onUndo={onUndo} />
        ),
      )}
      {(isStreaming || message.state === "running") && <Waiting progress={message} />}
      {message.state === "stopped" && <p className="text-small text-text-2">Stopped</p>}
      {(message.state === "interrupted" || message.state === "failed") && (
        <p className="text-small text-text-2">
          Interrupted
          {onRetry && (
            <>
              {" · "}
              <button type="button" className="font-medium text-accent underline" onClick={onRetry}>
                Try again
              </button>
            </>
          )}
        </p>
      )}
    </div>
  );
});

const providerNames: Record<string, string> = {
  offline: "Offline agent",
  openai: "OpenAI",
  gemini: "Gemini",
  openrouter: "OpenRouter",
};

/** Returns the label of the agent that wrote a reply: "Offline agent", "OpenAI · gpt-5". */
export function agentLabel({ agent, model }: Message): string {
  const provider = providerNames[agent ?? ""] ?? agent ?? "";
  return model ? `${provider} · ${model}` : provider;
}

/** Returns the time of a message: "14:05", "yesterday 14:05". */
function timeOf({ created_at }: Message): string {
  const at = new Date(created_at);
  const now = new Date();
  return daysBetween(now, at) === 0 ? formatTime(at) : formatDue(at, false, now);
}

const PATIENCE_SECONDS = 15;

/**
 * Shown while the agent writes. The chat pane announces the same to screen readers.
 * `progress` changes with every piece of the reply; words appear when it does not change for long.
 */
export function Waiting({ progress }: { progress?: unknown }) {
  const [stuckAt, setStuckAt] = useState<{ progress: unknown }>();
  useEffect(() => {
    const timer = setTimeout(() => setStuckAt({ progress }), PATIENCE_SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [progress]);
  return (
    <div className="flex h-[22px] items-center gap-1" aria-hidden="true">
      {stuckAt && stuckAt.progress === progress && (
        <span className="mr-1 text-small text-text-2">Still waiting for an answer</span>
      )}
      {[0, 1, 2].map((dot) => (
        <span
          key={dot}
          className="size-1.5 animate-pulse-soft rounded-full bg-line-strong"
          style={{ animationDelay: `${dot * 180}ms` }}
        />
      ))}
    </div>
  );
}
