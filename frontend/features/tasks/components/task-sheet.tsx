"use client";

import { Trash2 } from "lucide-react";
import { type FormEvent, useId, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { Field, inputStyle } from "@/components/ui/field";
import { Sheet } from "@/components/ui/sheet";
import { ApiError, errorMessage } from "@/lib/api/client";
import type { Priority, Task } from "@/lib/task";
import { DueFields } from "./due-fields";
import { ReminderField } from "./reminder-field";
import { TaskConflict } from "./task-conflict";
import { askForNotifications } from "../reminders";
import type { TaskActions } from "../api/task-actions";
import type { TaskPatch } from "../api/tasks";
import { type Conflict, conflictsOf, withoutConflicts } from "../conflicts";
import { changedFields, DESCRIPTION_MAX, draftOf, type TaskDraft, TITLE_MAX } from "../task-draft";

type TaskSheetProps = {
  task: Task;
  /** The unsaved draft of an earlier visit to the sheet. */
  initialDraft?: TaskDraft | undefined;
  actions: TaskActions;
  /** Called with the draft if it was not saved. */
  onClose: (unsaved?: TaskDraft) => void;
};

const priorities: { value: Priority; label: string }[] = [
  { value: "high", label: "High" },
  { value: "medium", label: "Medium" },
  { value: "low", label: "Low" },
];

/** The form that edits all fields of a task. */
export function TaskSheet({ task, initialDraft, actions, onClose }: TaskSheetProps) {
  const id = useId();
  // Compare with the task as it was opened: a change that arrives meanwhile is not one of the user's.
  const [opened] = useState(task);
  const [draft, setDraft] = useState(initialDraft ?? draftOf(task));
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = useState(false);
  const [conflict, setConflict] = useState<{ current: Task; patch: TaskPatch; parts: Conflict[] } | null>(
    null,
  );
  const formRef = useRef<HTMLFormElement>(null);

  const patch = changedFields(opened, draft);
  const hasChanges = Object.keys(patch).length > 0;
  const set = (part: Partial<TaskDraft>) => {
    setDraft({ ...draft, ...part });
    // The person edits further: saving asks again.
    setConflict(null);
  };

  const save = async (event?: FormEvent) => {
    event?.preventDefault();
    if (busy) return;
    if (!draft.title.trim()) {
      setErrors({ title: "Enter a title." });
      formRef.current?.querySelector<HTMLElement>("[name=title]")?.focus();
      return;
    }
    if (!hasChanges) return onClose();
    // Browsers show the question only in answer to a click.
    if (typeof patch.remind_before === "number") void askForNotifications();
    await send(opened, patch);
  };

  /** Sends a change of a version of the task, and closes the sheet unless there is something to decide. */
  const send = async (version: Task, patch: TaskPatch) => {
    if (Object.keys(patch).length === 0) return onClose();
    setBusy(true);
    try {
      const current = await actions.updateUnlessChanged(version, patch);
      if (!current) return onClose();
      setConflict({ current, patch, parts: conflictsOf(version, patch, current) });
      setBusy(false);
    } catch (error) {
      const fields = error instanceof ApiError ? error.fields : {};
      setErrors({ ...fields, ...(Object.keys(fields).length === 0 && { form: errorMessage(error) }) });
      setBusy(false);
    }
  };

  return (
    <Sheet title="Edit task" onClose={() => onClose(hasChanges ? draft : undefined)}>
      <form
        ref={formRef}
        onSubmit={save}
        noValidate
        className="flex min-h-0 grow flex-col"
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void save();
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
                void save();
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
            onChange={(date, time) => set({ date, time })}
          />
          <ReminderField
            value={draft.reminder}
            at={opened.remind_at ?? null}
            hasDate={draft.date !== ""}
            onChange={(reminder) => set({ reminder })}
          />
          <Field
            label="Tags"
            value={draft.tags}
            hint="Separate tags with commas."
            error={errors.tags}
            autoCapitalize="none"
            dir="auto"
            onChange={(event) => set({ tags: event.target.value })}
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
              busy={busy}
              onKeepMine={() => void send(conflict.current, conflict.patch)}
              onUseOther={() => void send(conflict.current, withoutConflicts(conflict.patch, conflict.parts))}
            />
          ) : (
            <div className="flex items-center justify-between">
              <Button
                variant="danger"
                className="-ml-3"
                onClick={() => {
                  onClose();
                  void actions.remove(opened);
                }}
              >
                <Trash2 /> Delete task
              </Button>
              <Button type="submit" variant="primary" disabled={busy}>
                {busy ? "Saving…" : "Save changes"}
              </Button>
            </div>
          )}
        </div>
      </form>
    </Sheet>
  );
}
