"use client";

import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { inputStyle } from "@/components/ui/field";
import { Sheet } from "@/components/ui/sheet";
import { errorMessage } from "@/lib/api/client";
import { formatDay } from "@/lib/calendar";
import {
  type ConversationSummary,
  deleteConversation,
  findConversations,
  renameConversation,
} from "../api/conversations";

const TITLE_MAX = 80;

type ConversationsSheetProps = {
  currentId: string | null;
  onOpen: (id: string) => void;
  /** Called when the conversation that is open was deleted. */
  onDeleted: () => void;
  onClose: () => void;
};

/** Finds, opens, renames and deletes the conversations. */
export function ConversationsSheet({ currentId, onOpen, onDeleted, onClose }: ConversationsSheetProps) {
  const [words, setWords] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const [changing, setChanging] = useState<{ id: string; to: "rename" | "delete" } | null>(null);
  const queryClient = useQueryClient();
  const found = useQuery({
    queryKey: ["conversations", "found", words.trim()],
    queryFn: ({ signal }) => findConversations(words.trim(), signal),
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
  const change = async (apply: () => Promise<unknown>) => {
    setFailure(null);
    try {
      await apply();
      setChanging(null);
    } catch (error) {
      setFailure(errorMessage(error));
    }
    await queryClient.invalidateQueries({ queryKey: ["conversations"] });
  };
  const error = failure ?? (found.error ? errorMessage(found.error) : null);
  return (
    <Sheet title="Conversations" onClose={onClose}>
      <div className="px-5 pb-3">
        <input
          type="search"
          aria-label="Search conversations"
          placeholder="Search titles and messages"
          dir="auto"
          maxLength={100}
          value={words}
          onChange={(event) => setWords(event.target.value)}
          className={inputStyle}
        />
        <p role="status" className="sr-only">
          {found.data
            ? `${found.data.length} ${found.data.length === 1 ? "conversation" : "conversations"}`
            : ""}
        </p>
      </div>
      <div className="min-h-48 grow overflow-y-auto px-3 pb-4">
        {error && (
          <p role="alert" className="px-2 pb-2 text-small text-danger">
            {error}
          </p>
        )}
        {found.data?.length === 0 && (
          <p className="px-2 text-text-2">
            {words.trim() ? `No conversation contains ‘${words.trim()}’.` : "No conversations yet."}
          </p>
        )}
        <ul>
          {found.data?.map((conversation) => (
            <li key={conversation.id} className="group rounded-lg hover:bg-surface-3">
              {changing?.id !== conversation.id ? (
                <Row
                  conversation={conversation}
                  isCurrent={conversation.id === currentId}
                  onOpen={() => {
                    onOpen(conversation.id);
                    onClose();
                  }}
                  onChange={(to) => setChanging({ id: conversation.id, to })}
                />
              ) : changing.to === "rename" ? (
                <RenameForm
                  title={conversation.title}
                  onRename={(title) => void change(() => renameConversation(conversation.id, title))}
                  onCancel={() => setChanging(null)}
                />
              ) : (
                <DeleteQuestion
                  title={conversation.title}
                  onDelete={() =>
                    void change(async () => {
                      await deleteConversation(conversation.id);
                      if (conversation.id === currentId) onDeleted();
                    })
                  }
                  onCancel={() => setChanging(null)}
                />
              )}
            </li>
          ))}
        </ul>
      </div>
    </Sheet>
  );
}

type RowProps = {
  conversation: ConversationSummary;
  isCurrent: boolean;
  onOpen: () => void;
  onChange: (to: "rename" | "delete") => void;
};

function Row({ conversation, isCurrent, onOpen, onChange }: RowProps) {
  const { title, updated_at } = conversation;
  return (
    <div className="flex items-center">
      <button
        type="button"
        aria-current={isCurrent || undefined}
        onClick={onOpen}
        className="flex min-h-11 min-w-0 grow items-baseline gap-3 px-2 py-2.5 text-left"
      >
        <span dir="auto" className={classNames("min-w-0 grow truncate", isCurrent && "font-medium")}>
          {title}
        </span>
        <span className="shrink-0 text-small text-text-2">{formatDay(new Date(updated_at), new Date())}</span>
      </button>
      <IconButton label={`Rename ‘${title}’`} onClick={() => onChange("rename")}>
        <Pencil />
      </IconButton>
      <IconButton label={`Delete ‘${title}’`} onClick={() => onChange("delete")}>
        <Trash2 />
      </IconButton>
    </div>
  );
}

type RenameFormProps = { title: string; onRename: (title: string) => void; onCancel: () => void };

function RenameForm({ title, onRename, onCancel }: RenameFormProps) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onRename(String(new FormData(event.currentTarget).get("title")).trim());
  };
  return (
    <form onSubmit={submit} className="flex flex-wrap items-center gap-2 p-1">
      <input
        name="title"
        aria-label="Title"
        defaultValue={title}
        required
        pattern=".*\S.*"
        maxLength={TITLE_MAX}
        dir="auto"
        autoFocus
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          onCancel();
        }}
        className={classNames(inputStyle, "min-w-40 grow basis-0")}
      />
      <Button type="submit" variant="primary">
        Save
      </Button>
      <Button onClick={onCancel}>Cancel</Button>
    </form>
  );
}

type DeleteQuestionProps = { title: string; onDelete: () => void; onCancel: () => void };

function DeleteQuestion({ title, onDelete, onCancel }: DeleteQuestionProps) {
  return (
    <div role="group" aria-label={`Delete ‘${title}’`} className="px-2 py-2">
      <p className="mb-2 text-small [overflow-wrap:anywhere]">
        Delete ‘{title}’ and its messages? This cannot be undone. Its tasks stay.
      </p>
      <div className="flex gap-2">
        <Button variant="danger" onClick={onDelete}>
          Delete conversation
        </Button>
        <Button autoFocus onClick={onCancel}>
          Keep
        </Button>
      </div>
    </div>
  );
}
