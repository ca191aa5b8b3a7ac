"use client";

import { ArrowUp, Square } from "lucide-react";
import { type FormEvent, type Ref } from "react";

/** The server's limit, in characters. */
const MESSAGE_MAX = 4000;

type ComposerProps = {
  text: string;
  onChange: (text: string) => void;
  inputRef: Ref<HTMLTextAreaElement>;
  isAnswering: boolean;
  onSend: (message: string) => void;
  onStop: () => void;
  /** Ends the editing of the last message; null while a new one is written. */
  onCancelEdit: (() => void) | null;
  /** Edits the last message; null where there is none. */
  onEditLast: (() => void) | null;
};

/** The message input. Enter sends the message; Shift+Enter starts a new line. */
export function Composer({
  text,
  onChange,
  inputRef,
  isAnswering,
  onSend,
  onStop,
  onCancelEdit,
  onEditLast,
}: ComposerProps) {
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (!text.trim() || isAnswering) return;
    onSend(text.trim());
    onChange("");
  };
  const left = MESSAGE_MAX - text.length;
  return (
    <form onSubmit={submit} aria-label="Write a message">
      {onCancelEdit && (
        <p className="flex items-center gap-2 px-2 pb-1 text-small text-text-2">
          Editing your last message
          <button type="button" className="font-medium text-accent underline" onClick={onCancelEdit}>
            Cancel
          </button>
        </p>
      )}
      <div className="flex items-end gap-1 rounded-xl border border-line bg-raised p-1.5 transition-colors focus-within:border-line-strong">
        <textarea
          ref={inputRef}
          aria-label="Message"
          placeholder="Write a message"
          rows={1}
          dir="auto"
          maxLength={MESSAGE_MAX}
          value={text}
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape" && onCancelEdit) return onCancelEdit();
            if (event.key === "Escape") event.currentTarget.blur();
            if (event.key === "ArrowUp" && text === "" && onEditLast) {
              event.preventDefault();
              return onEditLast();
            }
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            submit();
          }}
          className="field-sizing-content max-h-40 min-h-8 min-w-0 grow resize-none bg-transparent px-2 py-[5px] outline-none"
        />
        {isAnswering ? (
          // The keys keep the buttons apart: a click on Stop must not reach the button that replaces it.
          <button
            key="stop"
            type="button"
            aria-label="Stop"
            title="Stop"
            onClick={onStop}
            className="flex size-8 shrink-0 items-center justify-center rounded-lg bg-surface-3 hover:bg-line"
          >
            <Square className="size-3 fill-current" aria-hidden="true" />
          </button>
        ) : (
          <button
            key="send"
            type="submit"
            aria-label="Send"
            title="Send"
            disabled={!text.trim()}
            className="flex size-8 shrink-0 items-center justify-center rounded-lg bg-accent text-on-accent transition-colors hover:bg-accent-strong disabled:bg-surface-3 disabled:text-text-2"
          >
            <ArrowUp className="size-[18px]" aria-hidden="true" />
          </button>
        )}
      </div>
      {left <= 200 && (
        <p className="px-2 pt-1 text-small text-text-2">
          {left} {left === 1 ? "character" : "characters"} left
        </p>
      )}
    </form>
  );
}
