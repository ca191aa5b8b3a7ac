"use client";

import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError, errorMessage } from "@/lib/api/client";
import type { Task } from "@/lib/task";
import type { TaskActions } from "./api/task-actions";
import type { TaskPatch } from "./api/tasks";
import { type Conflict, conflictsOf, withoutConflicts } from "./conflicts";
import { changedFields, draftOf, mergedDraft, type TaskDraft } from "./task-draft";

/** The pause in typing after which a draft is saved. */
const PAUSE_MS = 800;

type Errors = Readonly<Record<string, string>>;
type Outcome = "saved" | "unsaved";

/**
 * Saves the draft of a task by itself: after a pause, on request, and when the sheet closes.
 *
 * @param onUnsaved called with the draft if it could not be saved by the time the sheet closed.
 */
export function useAutosave(
  task: Task,
  initialDraft: TaskDraft | undefined,
  actions: TaskActions,
  onUnsaved: (draft: TaskDraft) => void,
) {
  // Compare with the task as it was read: a change that arrives meanwhile is not one of the user's.
  const base = useRef(task);
  const [draft, show] = useState(initialDraft ?? draftOf(task));
  const latest = useRef(draft);
  const [errors, setErrors] = useState<Errors>({});
  const [status, setStatus] = useState<"" | "Saving…" | "Saved">("");
  const [conflict, setConflict] = useState<{ current: Task; patch: TaskPatch; parts: Conflict[] } | null>(
    null,
  );
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const running = useRef<Promise<Outcome>>(Promise.resolve("saved"));
  const isDiscarded = useRef(false);
  /** Whether the person has to choose between two versions: until then, nothing is saved. */
  const isAsked = useRef(false);

  const replace = useCallback((next: TaskDraft) => {
    latest.current = next;
    show(next);
  }, []);

  /** Sends a change of a version of the task. What the user has not changed follows the version that results. */
  const send = useCallback(
    async (version: Task, patch: TaskPatch): Promise<Outcome> => {
      setStatus("Saving…");
      try {
        const { saved, current } = await actions.updateUnlessChanged(version, patch);
        if (current) {
          isAsked.current = true;
          setConflict({ current, patch, parts: conflictsOf(version, patch, current) });
          setStatus("");
          return "unsaved";
        }
        replace(mergedDraft(latest.current, base.current, saved));
        base.current = saved;
        setErrors({});
        setStatus("Saved");
        return "saved";
      } catch (error) {
        const fields = error instanceof ApiError ? error.fields : {};
        setErrors({ ...fields, ...(Object.keys(fields).length === 0 && { form: errorMessage(error) }) });
        setStatus("");
        return "unsaved";
      }
    },
    [actions, replace],
  );

  /** Saves the draft after what is being saved. */
  const save = useCallback((): Promise<Outcome> => {
    clearTimeout(timer.current);
    running.current = running.current.then(() => {
      const patch = changedFields(base.current, latest.current);
      if (isAsked.current) return "unsaved";
      if (isDiscarded.current || Object.keys(patch).length === 0) return "saved";
      if (patch.title !== "") return send(base.current, patch);
      setErrors({ title: "Enter a title." });
      return "unsaved";
    });
    return running.current;
  }, [send]);

  const change = useCallback(
    (part: Partial<TaskDraft>) => {
      replace({ ...latest.current, ...part });
      setStatus("");
      // The person edits further: saving asks again.
      isAsked.current = false;
      setConflict(null);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => void save(), PAUSE_MS);
    },
    [replace, save],
  );

  const resolve = useCallback(
    (keepMine: boolean) => {
      if (!conflict) return;
      const { current, patch, parts } = conflict;
      const kept = keepMine ? patch : withoutConflicts(patch, parts);
      isAsked.current = false;
      setConflict(null);
      base.current = current;
      replace(draftOf({ ...current, ...kept } as Task));
      void save();
    },
    [conflict, replace, save],
  );

  const reportUnsaved = useRef(onUnsaved);
  useEffect(() => {
    reportUnsaved.current = onUnsaved;
  });
  useEffect(
    () => () => void save().then((outcome) => outcome === "unsaved" && reportUnsaved.current(latest.current)),
    [save],
  );

  const discard = () => (isDiscarded.current = true);
  return { draft, change, errors, status, save, conflict, resolve, discard };
}
