"use client";

import { useCallback, useEffect, useId, useState } from "react";
import { inputStyle } from "@/components/ui/field";
import { formatDue } from "@/lib/calendar";
import { findReach, type Reach } from "../push";
import { REMINDERS, sayMinutesBefore } from "../reminders";

type ReminderFieldProps = {
  /** Minutes before the due date; empty without a reminder; `at` for one at a time of its own. */
  value: string;
  /** The time of the present reminder. */
  at: string | null;
  hasDate: boolean;
  /** Called with the choice. Resolves when the browser has been asked for notifications. */
  onChange: (value: string) => Promise<void>;
};

const reaches: Record<Reach, string> = {
  always: "Comes as a notification, also while no page is open.",
  open: "Comes as a notification while a page is open.",
  page: "Comes on this page. Notifications are off in this browser.",
};

/** The choice of a reminder. A task without a date keeps a reminder at a time of its own. */
export function ReminderField({ value, at, hasDate, onChange }: ReminderFieldProps) {
  const id = useId();
  const minutes = value !== "" && value !== "at" ? Number(value) : null;
  const choices = minutes === null || REMINDERS.includes(minutes) ? REMINDERS : [...REMINDERS, minutes];
  const isChosen = value !== "" && (hasDate || value === "at");
  const [reach, setReach] = useState<Reach | null>(null);
  const look = useCallback(() => void findReach().then(setReach, () => setReach(null)), []);
  useEffect(look, [look]);
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small font-medium">
        Reminder
      </label>
      <select
        id={id}
        value={isChosen ? value : ""}
        disabled={!hasDate && value !== "at"}
        className={inputStyle}
        aria-describedby={isChosen && reach ? `${id}-reach` : undefined}
        onChange={(event) => void onChange(event.target.value).then(look)}
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
      {isChosen && reach && (
        <p id={`${id}-reach`} className="mt-1 text-small text-text-2">
          {reaches[reach]}
        </p>
      )}
    </div>
  );
}
