"use client";

import { Field } from "@/components/ui/field";
import { startOfDay, toDateInput } from "@/lib/calendar";
import { Chip } from "@/components/ui/chip";

type DueFieldsProps = {
  /** Values of a date and a time input; empty if not set. */
  date: string;
  time: string;
  error?: string | undefined;
  onChange: (date: string, time: string) => void;
};

/** Inputs for the due date and time, with shortcuts for common days. */
export function DueFields({ date, time, error, onChange }: DueFieldsProps) {
  const now = new Date();
  const nextMonday = startOfDay(now, (8 - now.getDay()) % 7 || 7);
  const days = [
    { label: "Today", value: toDateInput(now) },
    { label: "Tomorrow", value: toDateInput(startOfDay(now, 1)) },
    { label: "Next Monday", value: toDateInput(nextMonday) },
  ];
  return (
    <div>
      <div className="grid grid-cols-1 gap-3 min-[22rem]:grid-cols-[minmax(0,1fr)_8.5rem]">
        <Field
          label="Date"
          type="date"
          max="9999-12-31"
          value={date}
          error={error}
          onChange={(event) => onChange(event.target.value, event.target.value ? time : "")}
        />
        <Field
          label="Time"
          type="time"
          value={time}
          onChange={(event) => onChange(date || toDateInput(now), event.target.value)}
        />
      </div>
      <div className="mt-2 flex flex-wrap gap-1.5">
        {days.map((day) => (
          <Chip key={day.label} pressed={date === day.value} onClick={() => onChange(day.value, time)}>
            {day.label}
          </Chip>
        ))}
        {date && <Chip onClick={() => onChange("", "")}>No date</Chip>}
      </div>
    </div>
  );
}
