"use client";

import { Calendar, Flag, Plus } from "lucide-react";
import { type FormEvent, type Ref, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { Chip } from "@/components/ui/chip";
import { showToast } from "@/components/ui/toaster";
import { errorMessage } from "@/lib/api/client";
import { formatDate, fromInputs, startOfDay, toDateInput } from "@/lib/calendar";
import { useDraft } from "@/lib/drafts";
import type { Priority } from "@/lib/task";
import type { NewTask } from "../api/tasks";
import type { TaskActions } from "../api/task-actions";
import { TITLE_MAX } from "../task-draft";

/** The input that adds a task, with choices for its date and priority. */
export function QuickAdd({ actions, inputRef }: { actions: TaskActions; inputRef: Ref<HTMLInputElement> }) {
  const [title, setTitle] = useDraft("new-task");
  const [date, setDate] = useState("");
  const [priority, setPriority] = useState<Priority>("medium");
  const [error, setError] = useState<string | null>(null);

  const today = toDateInput(new Date());
  const tomorrow = toDateInput(startOfDay(new Date(), 1));

  const send = (task: NewTask) =>
    void actions.add(task).catch((failure: unknown) => {
      // If the user is already typing the next task, report the failure in a message instead.
      const field = document.querySelector<HTMLInputElement>("input[name=new-task]");
      if (field && field.value === "") {
        setTitle(task.title);
        setDate(task.due_at ? toDateInput(new Date(task.due_at)) : "");
        setPriority(task.priority ?? "medium");
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

  const formRef = useRef<HTMLFormElement>(null);
  /** Changes a detail and returns the focus to the title: the next Enter adds the task. */
  const choose = (change: () => void) => {
    flushSync(change);
    formRef.current?.querySelector<HTMLInputElement>("input[name=new-task]")?.focus();
  };
  const chooseDate = (value: string) => choose(() => setDate(value));
  const togglePriority = (value: Priority) =>
    choose(() => setPriority(priority === value ? "medium" : value));

  return (
    <form
      ref={formRef}
      onSubmit={submit}
      aria-label="Add a task"
      className="group/add relative rounded-xl border border-line bg-raised transition-colors focus-within:border-line-strong"
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
      {/* An overlay: the list must not move under a pointer that is about to click. */}
      <div className="invisible absolute bottom-full -left-px z-20 mb-1.5 flex flex-wrap gap-1.5 rounded-xl border border-line bg-raised p-2 shadow-raised group-focus-within/add:visible md:top-full md:bottom-auto md:mt-1.5 md:mb-0">
        <div className="flex gap-1.5">
          <Chip pressed={date === today} onClick={() => chooseDate(date === today ? "" : today)}>
            Today
          </Chip>
          <Chip pressed={date === tomorrow} onClick={() => chooseDate(date === tomorrow ? "" : tomorrow)}>
            Tomorrow
          </Chip>
          <DateChip
            date={date}
            isOther={date !== "" && date !== today && date !== tomorrow}
            onChange={chooseDate}
          />
        </div>
        <span className="mx-1 w-px self-stretch bg-line max-sm:hidden" />
        <div className="flex gap-1.5">
          <Chip pressed={priority === "high"} onClick={() => togglePriority("high")}>
            <Flag aria-hidden="true" /> High
          </Chip>
          <Chip pressed={priority === "low"} onClick={() => togglePriority("low")}>
            Low
          </Chip>
        </div>
      </div>
      {error && (
        <p id="new-task-error" role="alert" className="px-3.5 pb-2.5 text-small text-danger">
          Not added. {error}
        </p>
      )}
    </form>
  );
}

type DateChipProps = {
  date: string;
  /** Whether the date is not one of the dates with their own chip. */
  isOther: boolean;
  onChange: (date: string) => void;
};

/** Opens the browser's date picker and shows the chosen day. */
function DateChip({ date, isOther, onChange }: DateChipProps) {
  const inputRef = useRef<HTMLInputElement>(null);
  const day = isOther ? fromInputs(date, "") : null;
  return (
    <span className="relative">
      <Chip
        pressed={isOther}
        onClick={() => (isOther ? onChange("") : inputRef.current?.showPicker())}
        aria-label={day ? undefined : "Pick a date"}
      >
        <Calendar aria-hidden="true" />
        {day ? formatDate(day) : "Date"}
      </Chip>
      <input
        ref={inputRef}
        type="date"
        aria-label="Due date"
        tabIndex={-1}
        max="9999-12-31"
        value={date}
        onChange={(event) => onChange(event.target.value)}
        className="pointer-events-none absolute bottom-0 left-0 size-px opacity-0"
      />
    </span>
  );
}
