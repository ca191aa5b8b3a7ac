"use client";

import { CalendarDays, Check, RotateCcw, Tag, Trash2, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { inputStyle } from "@/components/ui/field";
import { formatDay, startOfDay, toDateInput } from "@/lib/calendar";
import type { Task } from "@/lib/task";
import type { TaskActions } from "../api/task-actions";

type SelectionBarProps = {
  tasks: readonly Task[];
  now: Date;
  actions: TaskActions;
  onClear: () => void;
};

/** What can be done with the selected tasks in one step. */
export function SelectionBar({ tasks, now, actions, onClear }: SelectionBarProps) {
  const [form, setForm] = useState<"move" | "tag" | null>(null);
  const [isBusy, setBusy] = useState(false);
  const run = async (change: Parameters<TaskActions["changeMany"]>[1]) => {
    setBusy(true);
    const isDone = await actions.changeMany(tasks, change);
    setBusy(false);
    if (isDone) onClear();
  };
  const move = (day: string | null, end: string) =>
    void run({ action: "update", changes: { due_on: day }, done: "Moved", end });
  const tag = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("tag")).replace(/^#/, "").trim();
    const submitter = (event.nativeEvent as SubmitEvent).submitter as HTMLButtonElement | null;
    const removes = submitter?.value === "remove";
    if (!name) return;
    void run({
      action: "update",
      changes: removes ? { remove_tags: [name] } : { add_tags: [name] },
      done: removes ? "Untagged" : "Tagged",
      end: `${removes ? "from" : "with"} #${name}`,
    });
  };
  const moveToDay = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const chosen = String(new FormData(event.currentTarget).get("day"));
    move(chosen, `to ${formatDay(new Date(`${chosen}T00:00`), now)}`);
  };
  const day = (days: number) => toDateInput(startOfDay(now, days));
  const areDone = tasks.every(({ status }) => status === "completed");
  return (
    <div
      role="toolbar"
      aria-label={`${tasks.length} selected`}
      className="sticky bottom-4 z-20 mx-auto mt-4 w-fit max-w-full rounded-xl border border-line bg-raised px-2 py-1.5 shadow-lg"
    >
      <div className="flex flex-wrap items-center gap-1">
        <span role="status" className="px-2 font-medium whitespace-nowrap">
          {tasks.length} selected
        </span>
        {areDone ? (
          <Button
            variant="quiet"
            disabled={isBusy}
            onClick={() => void run({ action: "reopen", done: "Reopened" })}
          >
            <RotateCcw aria-hidden="true" /> Reopen
          </Button>
        ) : (
          <Button
            variant="quiet"
            disabled={isBusy}
            onClick={() => void run({ action: "complete", done: "Completed" })}
          >
            <Check aria-hidden="true" /> Complete
          </Button>
        )}
        <Button
          variant="quiet"
          aria-expanded={form === "move"}
          onClick={() => setForm(form === "move" ? null : "move")}
        >
          <CalendarDays aria-hidden="true" /> Move
        </Button>
        <Button
          variant="quiet"
          aria-expanded={form === "tag"}
          onClick={() => setForm(form === "tag" ? null : "tag")}
        >
          <Tag aria-hidden="true" /> Tag
        </Button>
        <Button
          variant="danger"
          disabled={isBusy}
          onClick={() => void run({ action: "delete", done: "Deleted" })}
        >
          <Trash2 aria-hidden="true" /> Delete
        </Button>
        <IconButton label="Clear the selection" onClick={onClear}>
          <X />
        </IconButton>
      </div>
      {form === "move" && (
        <div className="flex flex-wrap items-center gap-1 border-t border-line px-1 pt-1.5 pb-0.5">
          <Button disabled={isBusy} onClick={() => move(day(0), "to today")}>
            Today
          </Button>
          <Button disabled={isBusy} onClick={() => move(day(1), "to tomorrow")}>
            Tomorrow
          </Button>
          <Button disabled={isBusy} onClick={() => move(null, "to no date")}>
            No date
          </Button>
          <form onSubmit={moveToDay} className="flex gap-1">
            <input
              type="date"
              name="day"
              aria-label="Day"
              required
              min="1900-01-02"
              max="9998-12-30"
              className={`${inputStyle} h-9 w-auto py-1`}
            />
            <Button type="submit" disabled={isBusy}>
              Move
            </Button>
          </form>
        </div>
      )}
      {form === "tag" && (
        <form
          onSubmit={tag}
          className="flex flex-wrap items-center gap-1 border-t border-line px-1 pt-1.5 pb-0.5"
        >
          <input
            name="tag"
            aria-label="Tag"
            placeholder="Tag"
            required
            maxLength={50}
            autoFocus
            autoComplete="off"
            autoCapitalize="none"
            className={`${inputStyle} h-9 w-36 py-1`}
          />
          <Button type="submit" disabled={isBusy}>
            Add
          </Button>
          <Button type="submit" value="remove" disabled={isBusy}>
            Remove
          </Button>
        </form>
      )}
    </div>
  );
}
