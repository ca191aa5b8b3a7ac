"use client";

import { Calendar, Flag, X } from "lucide-react";
import { type MouseEvent, useRef } from "react";
import { Chip } from "@/components/ui/chip";
import { formatDate, fromInputs, startOfDay, toDateInput } from "@/lib/calendar";
import type { Priority } from "@/lib/task";
import type { Understood } from "../understood";

/** The details that are chosen instead of written. */
export type Choices = { date: string; priority: Priority };

type QuickAddDetailsProps = {
  understood: Understood | null;
  choices: Choices;
  onChoose: (choice: Partial<Choices>) => void;
  /** Returns understood words to the title. */
  onKeep: (words: readonly string[]) => void;
};

/** What was understood of a new task, each removable, and choices for what the text does not say. */
export function QuickAddDetails({ understood, choices, onChoose, onKeep }: QuickAddDetailsProps) {
  const chips = understood?.chips ?? [];
  const says = (field: string) => chips.some((chip) => chip.field === field);
  return (
    <div className="px-2 pb-2 max-md:order-first max-md:pt-2" onMouseDown={keepFocus}>
      <div role="group" aria-label="Details" className="flex flex-wrap gap-1.5">
        {chips.map((chip) => (
          <Chip
            key={chip.key}
            pressed
            className="max-w-full"
            aria-label={`${chip.label}: keep in the title`}
            title={`Keep “${chip.words.join(" ")}” in the title`}
            onClick={() => onKeep(chip.words)}
          >
            <span className="truncate">{chip.label}</span> <X className="shrink-0" aria-hidden="true" />
          </Chip>
        ))}
        {!says("due") && <DateChoices date={choices.date} onChoose={(date) => onChoose({ date })} />}
        {!says("priority") && (
          <PriorityChoices priority={choices.priority} onChoose={(priority) => onChoose({ priority })} />
        )}
      </div>
      {understood?.note && <p className="px-1 pt-1.5 text-small text-text-2">{understood.note}</p>}
      <p role="status" className="sr-only">
        {chips.length > 0 && `Understood: ${chips.map((chip) => chip.label).join(", ")}`}
      </p>
    </div>
  );
}

/** Lets a press on a chip leave the focus, and the keyboard of a phone, where they are. */
function keepFocus(event: MouseEvent): void {
  event.preventDefault();
}

function DateChoices({ date, onChoose }: { date: string; onChoose: (date: string) => void }) {
  const today = toDateInput(new Date());
  const tomorrow = toDateInput(startOfDay(new Date(), 1));
  const toggle = (value: string) => onChoose(date === value ? "" : value);
  return (
    <>
      <Chip pressed={date === today} onClick={() => toggle(today)}>
        Today
      </Chip>
      <Chip pressed={date === tomorrow} onClick={() => toggle(tomorrow)}>
        Tomorrow
      </Chip>
      <DateChip
        date={date}
        isOther={date !== "" && date !== today && date !== tomorrow}
        onChange={onChoose}
      />
    </>
  );
}

type PriorityChoicesProps = { priority: Priority; onChoose: (priority: Priority) => void };

function PriorityChoices({ priority, onChoose }: PriorityChoicesProps) {
  const toggle = (value: Priority) => onChoose(priority === value ? "medium" : value);
  return (
    <>
      <Chip pressed={priority === "high"} onClick={() => toggle("high")}>
        <Flag aria-hidden="true" /> High
      </Chip>
      <Chip pressed={priority === "low"} onClick={() => toggle("low")}>
        Low
      </Chip>
    </>
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
