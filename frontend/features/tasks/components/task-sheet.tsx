"use client";

import { Trash2 } from "lucide-react";
import { useId, useRef } from "react";
import { Button } from "@/components/ui/button";
import { inputStyle } from "@/components/ui/field";
import { Sheet } from "@/components/ui/sheet";
import { type Priority, type Task, TITLE_MAX } from "@/lib/task";
import { DueFields } from "./due-fields";
import { ReminderField } from "./reminder-field";
import { TagField } from "./tag-field";
import { TaskConflict } from "./task-conflict";
import { WhenField } from "./when-field";
import { turnOnNotifications } from "../reminders";
import type { TaskActions } from "../api/task-actions";
import { DESCRIPTION_MAX, type TaskDraft } from "../task-draft";
import { useAutosave } from "../use-autosave";

type TaskSheetProps = {
  task: Task;
  /** The unsaved draft of an earlier visit to the sheet. */
  initialDraft?: TaskDraft | undefined;
  /** The tags of other tasks. */
  knownTags: readonly string[];
  actions: TaskActions;
  onClose: () => void;
  /** Called with the draft if the sheet has closed and it could not be saved. */
  onUnsaved: (draft: TaskDraft) => void;
};

const priorities: { value: Priority; label: string }[] = [
  { value: "high", label: "High" },
  { value: "medium", label: "Medium" },
  { value: "low", label: "Low" },
];

/** The form that edits all fields of a task, and saves by itself. */
export function TaskSheet({ task, initialDraft, knownTags, actions, onClose, onUnsaved }: TaskSheetProps) {
  const id = useId();
  const autosave = useAutosave(task, initialDraft, actions, onUnsaved);
  const { draft, change: set, errors, status, save, conflict, resolve, discard } = autosave;
  const formRef = useRef<HTMLFormElement>(null);

  const finish = async () => {
    if ((await save()) === "saved") onClose();
    else formRef.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  };

  return (
    <Sheet title="Edit task" isBeside onClose={onClose}>
      <form
        ref={formRef}
        onSubmit={(event) => event.preventDefault()}
        noValidate
        className="flex min-h-0 grow flex-col"
        onBlur={() => void save()}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void finish();
        }}
      >
        <div className="grow space-y-4 overflow-y-auto px-5 pt-1 pb-5">
          <div>
            <label htmlFor={`${id}-title`} className="mb-1 block text-small font-medium">
              Title
            </label>
            <textarea
              id={`${id}-title`}
              name="title"
              data-autofocus=""
              rows={1}
              dir="auto"
              maxLength={TITLE_MAX}
              value={draft.title}
              aria-invalid={errors.title ? true : undefined}
              aria-describedby={errors.title ? `${id}-title-error` : undefined}
              className={`${inputStyle} field-sizing-content resize-none`}
              onChange={(event) => set({ title: event.target.value.replaceAll("\n", " ") })}
              onKeyDown={(event) => {
                if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
                event.preventDefault();
                event.stopPropagation();
                void finish();
              }}
            />
            {errors.title && (
              <p id={`${id}-title-error`} className="mt-1 text-small text-danger">
                {errors.title}
              </p>
            )}
          </div>
          <div>
            <label htmlFor={`${id}-description`} className="mb-1 block text-small font-medium">
              Description
            </label>
            <textarea
              id={`${id}-description`}
              rows={3}
              dir="auto"
              maxLength={DESCRIPTION_MAX}
              value={draft.description}
              className={`${inputStyle} field-sizing-content max-h-60 min-h-20 resize-none`}
              onChange={(event) => set({ description: event.target.value })}
            />
            {errors.description && <p className="mt-1 text-small text-danger">{errors.description}</p>}
          </div>
          <fieldset>
            <legend className="mb-1 text-small font-medium">Priority</legend>
            <div className="grid grid-cols-3 gap-1 rounded-lg bg-surface-3 p-1">
              {priorities.map(({ value, label }) => (
                <label
                  key={value}
                  className="rounded-md py-1 text-center text-text-2 has-checked:bg-surface has-checked:font-medium has-checked:text-accent has-checked:shadow-sm has-focus-visible:outline-2 has-focus-visible:outline-accent"
                >
                  <input
                    type="radio"
                    name="priority"
                    value={value}
                    checked={draft.priority === value}
                    onChange={() => set({ priority: value })}
                    className="sr-only"
                  />
                  {label}
                </label>
              ))}
            </div>
          </fieldset>
          <DueFields
            date={draft.date}
            time={draft.time}
            error={errors.due_at}
            onChange={(date, time) => set({ date, time, ...(!date && { recurrence: "" }) })}
          />
          <WhenField
            date={draft.date}
            time={draft.time}
            recurrence={draft.recurrence}
            error={errors.recurrence}
            onChange={set}
          />
          <ReminderField
            value={draft.reminder}
            at={task.remind_at ?? null}
            hasDate={draft.date !== ""}
            onChange={async (reminder) => {
              set({ reminder });
              // Browsers show the question only in answer to a click.
              if (reminder !== "") await turnOnNotifications();
            }}
          />
          <TagField
            value={draft.tags}
            known={knownTags}
            error={errors.tags}
            onChange={(tags) => set({ tags })}
          />
        </div>
        <div className="shrink-0 border-t border-line px-5 py-3 pb-[max(0.75rem,env(safe-area-inset-bottom))]">
          {errors.form && (
            <p role="alert" className="mb-3 rounded-lg bg-danger-soft px-3 py-2 text-small text-danger">
              {errors.form}
            </p>
          )}
          {conflict ? (
            <TaskConflict
              conflicts={conflict.parts}
              onKeepMine={() => resolve(true)}
              onUseOther={() => resolve(false)}
            />
          ) : (
            <div className="flex items-center justify-between">
              <Button
                variant="danger"
                className="-ml-3"
                onClick={() => {
                  discard();
                  onClose();
                  void actions.remove(task);
                }}
              >
                <Trash2 /> Delete task
              </Button>
              <span role="status" className="text-small text-text-2">
                {status}
              </span>
            </div>
          )}
        </div>
      </form>
    </Sheet>
  );
}
