"use client";

import { X } from "lucide-react";
import { type KeyboardEvent, useId, useState } from "react";
import { inputStyle } from "@/components/ui/field";
import { parseTags } from "../task-draft";

type TagFieldProps = {
  /** Separated by commas. */
  value: string;
  /** The tags of other tasks. */
  known: readonly string[];
  error: string | undefined;
  onChange: (tags: string) => void;
};

/** The tags of a task, each removable, and an input that adds one and suggests those of other tasks. */
export function TagField({ value, known, error, onChange }: TagFieldProps) {
  const id = useId();
  const [text, setText] = useState("");
  const tags = parseTags(value);
  const put = (next: readonly string[]) => onChange(next.join(", "));
  const add = (typed: string) => {
    setText("");
    if (typed.trim()) put(parseTags([...tags, typed].join(",")));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter" && text.trim()) {
      event.preventDefault();
      add(text);
    } else if (event.key === "Backspace" && !text) put(tags.slice(0, -1));
  };
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small font-medium">
        Tags
      </label>
      <div
        className={`${inputStyle} flex flex-wrap items-center gap-1.5 px-2! py-1.5! focus-within:border-accent`}
        data-invalid={error ? "" : undefined}
      >
        {tags.map((tag) => (
          <span
            key={tag}
            className="flex max-w-full items-center rounded-md bg-surface-3 ps-2 text-small"
            dir="auto"
          >
            <span className="truncate">{tag}</span>
            <button
              type="button"
              aria-label={`Remove tag ${tag}`}
              className="flex size-6 shrink-0 items-center justify-center rounded text-text-2 hover:text-text"
              onClick={() => put(tags.filter((other) => other !== tag))}
            >
              <X className="size-3.5" aria-hidden="true" />
            </button>
          </span>
        ))}
        <input
          id={id}
          list={`${id}-known`}
          value={text}
          placeholder={tags.length > 0 ? "" : "Add a tag"}
          autoCapitalize="none"
          dir="auto"
          aria-invalid={error ? true : undefined}
          aria-describedby={error ? `${id}-error` : undefined}
          className="min-w-24 grow bg-transparent px-1 py-0.5 outline-none"
          onChange={({ target }) => {
            // A comma ends a tag, and so does a choice of a suggestion.
            if (target.value.includes(",") || known.includes(target.value)) add(target.value);
            else setText(target.value);
          }}
          onKeyDown={onKeyDown}
          onBlur={() => add(text)}
        />
        <datalist id={`${id}-known`}>
          {known
            .filter((tag) => !tags.includes(tag))
            .map((tag) => (
              <option key={tag} value={tag} />
            ))}
        </datalist>
      </div>
      {error && (
        <p id={`${id}-error`} className="mt-1 text-small text-danger">
          {error}
        </p>
      )}
    </div>
  );
}
