"use client";

import { useId } from "react";
import { inputStyle } from "@/components/ui/field";
import { formatDue } from "@/lib/calendar";
import { REMINDERS, sayMinutesBefore } from "../reminders";

type ReminderFieldProps = {
  /** Minutes before the due date; empty without a reminder; `at` for one at a time of its own. */
  value: string;
  /** The time of the present reminder. */
  at: string | null;
  hasDate: boolean;
  onChange: (value: string) => void;
};

/** The choice of a reminder. A task without a date keeps a reminder at a time of its own. */
export function ReminderField({ value, at, hasDate, onChange }: ReminderFieldProps) {
  const id = useId();
  const minutes = value !== "" && value !== "at" ? Number(value) : null;
  const choices = minutes === null || REMINDERS.includes(minutes) ? REMINDERS : [...REMINDERS, minutes];
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small font-medium">
        Reminder
      </label>
      <select
        id={id}
        value={hasDate || value === "at" ? value : ""}
        disabled={!hasDate && value !== "at"}
        className={inputStyle}
        onChange={(event) => onChange(event.target.value)}
      >
        <option value="">{hasDate ? "No reminder" : "No reminder (set a date first)"}</option>
        {value === "at" && at && <option value="at">{formatDue(new Date(at), false, new Date())}</option>}
        {hasDate &&
          choices.map((choice) => (
            <option key={choice} value={choice}>
              {sayMinutesBefore(choice)}
            </option>
          ))}
      </select>
    </div>
  );
}
