"use client";

import { Flag, Plus } from "lucide-react";
import { type FormEvent, type Ref, useState } from "react";
import { Chip } from "@/components/ui/chip";
import { showToast } from "@/components/ui/toaster";
import { errorMessage } from "@/lib/api";
import { fromInputs, startOfDay, toDateInput } from "@/lib/calendar";
import { useDraft } from "@/lib/drafts";
import type { Priority } from "@/lib/task";
import type { NewTask } from "./api";
import type { TaskActions } from "./task-actions";
import { TITLE_MAX } from "./task-draft";

/** One line in which a task is added; its date and priority are chosen below it. */
export function QuickAdd({ actions, inputRef }: { actions: TaskActions; inputRef: Ref<HTMLInputElement> }) {
  const [title, setTitle] = useDraft("new-task");
  const [date, setDate] = useState("");
  const [priority, setPriority] = useState<Priority>("medium");
  const [error, setError] = useState<string | null>(null);

  const today = toDateInput(new Date());
  const tomorrow = toDateInput(startOfDay(new Date(), 1));

  const send = (task: NewTask) =>
    void actions.add(task).catch((failure: unknown) => {
      // Meanwhile the next one may be half typed: the failed one waits in a message then.
      const field = document.querySelector<HTMLInputElement>("input[name=new-task]");
      if (field && field.value === "") {
        setTitle(task.title);
        setError(errorMessage(failure));
        return;
      }
      showToast({
        message: `‘${task.title}’ was not added. ${errorMessage(failure)}`,
        tone: "error",
        action: { label: "Try again", run: () => send(task) },
      });
    });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!title.trim()) return;
    const due = fromInputs(date, "");
    send({ title: title.trim(), priority, ...(due && { due_at: due.toISOString(), all_day: true }) });
    setTitle("");
    setDate("");
    setPriority("medium");
    setError(null);
  };

  const togglePriority = (value: Priority) => setPriority(priority === value ? "medium" : value);

  return (
    <form
      onSubmit={submit}
      aria-label="Add a task"
      className="group/add rounded-xl border border-line bg-raised transition-colors focus-within:border-line-strong"
    >
      <div className="flex items-center gap-1 pr-1.5 pl-3">
        <Plus className="size-[18px] shrink-0 text-text-2" aria-hidden="true" />
        <input
          ref={inputRef}
          name="new-task"
          aria-label="New task"
          placeholder="Add a task"
          autoComplete="off"
          maxLength={TITLE_MAX}
          value={title}
          aria-invalid={error ? true : undefined}
          aria-describedby={error ? "new-task-error" : undefined}
          onChange={(event) => setTitle(event.target.value)}
          onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
          className="h-11 min-w-0 grow bg-transparent px-1.5 outline-none"
        />
        <kbd className="mr-1.5 rounded border border-line px-1.5 text-small text-text-2 group-focus-within/add:hidden max-md:hidden">
          q
        </kbd>
        <button
          type="submit"
          disabled={!title.trim()}
          className="hidden h-8 shrink-0 rounded-lg bg-accent px-3 text-small font-medium text-on-accent group-focus-within/add:block hover:bg-accent-strong disabled:opacity-55"
        >
          Add task
        </button>
      </div>
      <div className="hidden flex-wrap gap-1.5 px-3 pb-2.5 group-focus-within/add:flex">
        <Chip pressed={date === today} onClick={() => setDate(date === today ? "" : today)}>
          Today
        </Chip>
        <Chip pressed={date === tomorrow} onClick={() => setDate(date === tomorrow ? "" : tomorrow)}>
          Tomorrow
        </Chip>
        <input
          type="date"
          aria-label="Due date"
          max="9999-12-31"
          value={date}
          onChange={(event) => setDate(event.target.value)}
          className="h-8 w-34 rounded-full border border-line bg-transparent px-3 text-small text-text-2"
        />
        <Chip pressed={priority === "high"} onClick={() => togglePriority("high")}>
          <Flag aria-hidden="true" /> High
        </Chip>
        <Chip pressed={priority === "low"} onClick={() => togglePriority("low")}>
          Low
        </Chip>
      </div>
      {error && (
        <p id="new-task-error" role="alert" className="px-3.5 pb-2.5 text-small text-danger">
          Not added. {error}
        </p>
      )}
    </form>
  );
}
