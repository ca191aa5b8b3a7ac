"use client";

import { Plus } from "lucide-react";
import { type FormEvent, type Ref, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { later } from "@/components/ui/later";
import { showToast } from "@/components/ui/toaster";
import { errorMessage } from "@/lib/api/client";
import { fromInputs } from "@/lib/calendar";
import { useDraft } from "@/lib/drafts";
import { parseTask } from "../api/parse";
import { type Task, TITLE_MAX } from "@/lib/task";
import type { NewTask } from "../api/tasks";
import type { TaskActions } from "../api/task-actions";
import { maskWords } from "../masks";
import { useUnderstood } from "../use-understood";
import type { Choices } from "./quick-add-details";

const QuickAddDetails = later(() => import("./quick-add-details").then((module) => module.QuickAddDetails));

type QuickAddProps = {
  actions: TaskActions;
  inputRef: Ref<HTMLInputElement>;
  /** The date and the tags that a new task gets unless others are chosen or written. */
  details: { date: string; tags: string[] };
  onAdded: (task: Task) => void;
};

type Entry = { text: string; kept: readonly string[]; choices: Choices | null; tags: string[] };

/** The input that adds a task. It shows what the server understands of the text, and offers a date and a priority. */
export function QuickAdd({ actions, inputRef, details, onAdded }: QuickAddProps) {
  const [text, setText] = useDraft("new-task");
  const [kept, setKept] = useState<readonly string[]>([]);
  const [chosen, setChosen] = useState<Choices | null>(null);
  const choices = chosen ?? { date: details.date, priority: "medium" };
  const [error, setError] = useState<string | null>(null);
  const { shown, exact } = useUnderstood(text, kept);
  const formRef = useRef<HTMLFormElement>(null);
  const field = () => formRef.current?.querySelector<HTMLInputElement>("input[name=new-task]");

  const show = (entry: Omit<Entry, "tags">) => {
    setText(entry.text);
    setKept(entry.kept);
    setChosen(entry.choices);
  };

  const send = (entry: Entry, task: NewTask, read?: Promise<NewTask>) =>
    void actions.add(task, read).then(onAdded, (failure: unknown) => {
      // If the user is already typing the next task, report the failure in a message instead.
      if (field()?.value === "") {
        show(entry);
        setError(errorMessage(failure));
        return;
      }
      showToast({
        message: `‘${task.title}’ was not added. ${errorMessage(failure)}`,
        tone: "error",
        action: { label: "Try again", run: () => send(entry, task, read && readTask(entry)) },
      });
    });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!text.trim()) return;
    const entry = { text, kept, choices, tags: details.tags };
    // The task appears at once; the server reads a text whose answer has not come yet while it adds the task.
    if (exact) send(entry, completed(entry, exact.task));
    else send(entry, completed(entry, { title: text.trim() }), readTask(entry));
    show({ text: "", kept: [], choices: null });
    setError(null);
  };

  /** Changes a detail and returns the focus to the title: the next Enter adds the task. */
  const change = (apply: () => void) => {
    flushSync(apply);
    field()?.focus();
  };

  return (
    <form
      ref={formRef}
      onSubmit={submit}
      aria-label="Add a task"
      className="group/add flex flex-col rounded-xl border border-line bg-raised transition-colors focus-within:border-line-strong"
    >
      <div className="flex items-center gap-1 pr-1.5 pl-3">
        <Plus className="size-[18px] shrink-0 text-text-2" aria-hidden="true" />
        <input
          ref={inputRef}
          name="new-task"
          aria-label="New task"
          placeholder="Add a task"
          autoComplete="off"
          dir="auto"
          maxLength={TITLE_MAX}
          value={text}
          aria-invalid={error ? true : undefined}
          aria-describedby={error ? "new-task-error" : undefined}
          onChange={(event) => {
            setText(event.target.value);
            if (!event.target.value.trim()) setKept([]);
          }}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
          className="h-11 min-w-0 grow bg-transparent px-1.5 outline-none"
        />
        <kbd className="mr-1.5 rounded border border-line px-1.5 text-small text-text-2 group-focus-within/add:hidden max-md:hidden">
          q
        </kbd>
        <button
          type="submit"
          disabled={!text.trim()}
          className="hidden h-8 shrink-0 rounded-lg bg-accent px-3 text-small font-medium text-on-accent group-focus-within/add:block hover:bg-accent-strong disabled:opacity-55"
        >
          Add task
        </button>
      </div>
      {/* Depends on the text, not on the focus: the list must not move under a pointer that is about to click. */}
      {text.trim() !== "" && (
        <QuickAddDetails
          understood={shown}
          choices={choices}
          onChoose={(choice) => change(() => setChosen({ ...choices, ...choice }))}
          onKeep={(words) => change(() => setKept([...kept, ...words]))}
        />
      )}
      {error && (
        <p id="new-task-error" role="alert" className="px-3.5 pb-2.5 text-small text-danger">
          Not added. {error}
        </p>
      )}
    </form>
  );
}

/** Returns a task with what was chosen for it, where its text says nothing else. */
function completed({ choices, tags }: Entry, task: NewTask): NewTask {
  const due = fromInputs(choices?.date ?? "", "");
  return {
    priority: choices?.priority ?? "medium",
    ...(due && { due_at: due.toISOString(), all_day: true }),
    ...task,
    ...(tags.length > 0 && { tags: [...new Set([...(task.tags ?? []), ...tags])] }),
  };
}

/** Has the server read an entry. Without an answer, its text is the title. */
async function readTask(entry: Entry): Promise<NewTask> {
  const { text, kept } = entry;
  try {
    const [parsed, { understand }] = await Promise.all([
      parseTask(maskWords(text, kept)),
      import("../understood"),
    ]);
    return completed(entry, understand(text, kept, parsed, new Date()).task);
  } catch {
    return completed(entry, { title: text.trim() });
  }
}
