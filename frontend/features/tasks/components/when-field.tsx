"use client";

import { useId, useState } from "react";
import { inputStyle } from "@/components/ui/field";
import { errorMessage } from "@/lib/api/client";
import { toDateInput, toTimeInput } from "@/lib/calendar";
import { sayRecurrence } from "@/lib/recurrence";
import { parseTask } from "../api/parse";
import type { TaskDraft } from "../task-draft";

type When = Pick<TaskDraft, "date" | "time" | "recurrence">;

/** The usual choices of how a task repeats. */
const RULES = [
  "FREQ=DAILY",
  "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
  "FREQ=WEEKLY",
  "FREQ=MONTHLY",
  "FREQ=YEARLY",
];

type WhenFieldProps = When & { error: string | undefined; onChange: (when: When) => void };

/** A date or a repetition in words, which the server reads, and the usual repetitions. */
export function WhenField({ date, time, recurrence, error, onChange }: WhenFieldProps) {
  const id = useId();
  const [text, setText] = useState("");
  const [note, setNote] = useState("");

  const read = async () => {
    const words = text.trim();
    if (!words) return;
    try {
      // The grammar reads a task: the words need a title in front.
      const parsed = await parseTask(`x ${words}`);
      if (!parsed.due_at)
        return setNote(parsed.problem ?? "Not understood. Try “in 3 days” or “every Friday”.");
      const due = new Date(parsed.due_at);
      const rule = parsed.recurrence ?? recurrence;
      onChange({ date: toDateInput(due), time: parsed.all_day ? "" : toTimeInput(due), recurrence: rule });
      setText("");
      setNote("");
    } catch (failure) {
      setNote(errorMessage(failure));
    }
  };

  const rules = !recurrence || RULES.includes(recurrence) ? RULES : [...RULES, recurrence];
  return (
    <div className="space-y-3">
      <div>
        <label htmlFor={id} className="mb-1 block text-small font-medium">
          When
        </label>
        <input
          id={id}
          className={inputStyle}
          value={text}
          placeholder="in 3 days, tomorrow at 9, every Friday"
          autoComplete="off"
          aria-describedby={note ? `${id}-note` : undefined}
          onChange={(event) => setText(event.target.value)}
          onBlur={() => void read()}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
            event.preventDefault();
            void read();
          }}
        />
        <p id={`${id}-note`} role="status" className="text-small text-text-2 not-empty:mt-1">
          {note}
        </p>
      </div>
      <div>
        <label htmlFor={`${id}-repeat`} className="mb-1 block text-small font-medium">
          Repeat
        </label>
        <select
          id={`${id}-repeat`}
          className={inputStyle}
          value={recurrence}
          onChange={({ target }) =>
            onChange({ date: date || toDateInput(new Date()), time, recurrence: target.value })
          }
        >
          <option value="">Does not repeat</option>
          {rules.map((rule) => (
            <option key={rule} value={rule}>
              {sayRecurrence(rule)}
            </option>
          ))}
        </select>
        {error && <p className="mt-1 text-small text-danger">{error}</p>}
      </div>
    </div>
  );
}
