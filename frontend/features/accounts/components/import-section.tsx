"use client";

import { type ChangeEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { inputStyle } from "@/components/ui/field";
import { formatDay } from "@/lib/calendar";
import { type Imported, useImport, usePreview, useUndoImport } from "../api/data-queries";
import { count } from "../settings";
import { Failure, SettingsSection } from "./settings-section";

/** The import of a file: a preview with the problem of each row, the import, and its undo. */
export function ImportSection() {
  const [file, setFile] = useState<File | null>(null);
  const [field, setField] = useState(0);
  const preview = usePreview();
  const forgetFile = () => {
    setFile(null);
    // A new key empties the field.
    setField(field + 1);
    preview.reset();
  };
  const imported = useImport(forgetFile);
  const undo = useUndoImport();
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = event.target.files?.[0] ?? null;
    setFile(chosen);
    preview.reset();
    imported.reset();
    undo.reset();
    if (chosen) preview.mutate(chosen);
  };
  const done = imported.data;
  return (
    <SettingsSection
      title="Import"
      description="A JSON or CSV file exported from this application, or a CSV export of Todoist. Nothing changes before you confirm."
    >
      <input
        key={field}
        type="file"
        aria-label="File to import"
        accept=".json,.csv,application/json,text/csv"
        className={`${inputStyle} file:mr-3 file:rounded-md file:bg-surface-3 file:px-2 file:py-1 file:font-medium`}
        onChange={choose}
      />
      {preview.isPending && <p role="status">Reading the file…</p>}
      {file && preview.data && (
        <Preview
          found={preview.data}
          isBusy={imported.isPending}
          onImport={() => imported.mutate(file)}
          onCancel={forgetFile}
        />
      )}
      {done && (
        <div role="status" className="flex items-center gap-3 rounded-lg bg-surface-2 px-3 py-2">
          <span className="grow">
            {undo.isSuccess
              ? "Import undone."
              : `Imported ${count(done.imported, "task")}${done.skipped ? `, left out ${count(done.skipped, "row")}` : ""}.`}
          </span>
          {done.step && !undo.isSuccess && (
            <Button disabled={undo.isPending} onClick={() => done.step && undo.mutate(done.step)}>
              Undo
            </Button>
          )}
        </div>
      )}
      <Failure error={preview.error ?? imported.error ?? undo.error} />
    </SettingsSection>
  );
}

type PreviewProps = {
  found: Imported;
  isBusy: boolean;
  onImport: () => void;
  onCancel: () => void;
};

function Preview({ found, isBusy, onImport, onCancel }: PreviewProps) {
  const now = new Date();
  const more = found.imported - found.tasks.length;
  return (
    <div role="region" aria-label="Preview" className="space-y-3 rounded-lg border border-line px-3 py-3">
      <p className="font-medium">{summary(found)}</p>
      {found.rows.length > 0 && (
        <ul aria-label="Remarks" className="max-h-60 space-y-1 overflow-y-auto text-small">
          {found.rows.map((row) => (
            <li key={row.row}>
              <span className="text-text-2">
                Row {row.row}
                {row.title && `, “${row.title}”`}:
              </span>{" "}
              {row.problem ? <span className="text-danger">{row.problem}</span> : row.notes.join(" ")}
            </li>
          ))}
        </ul>
      )}
      {found.tasks.length > 0 && (
        <ul aria-label="Tasks" className="max-h-60 overflow-y-auto text-small">
          {found.tasks.map((task, place) => (
            <li key={place} className="flex gap-3 border-b border-line py-1 last:border-b-0">
              <span className="min-w-0 grow truncate">{task.title}</span>
              {task.due_at && (
                <span className="shrink-0 text-text-2">{formatDay(new Date(task.due_at), now)}</span>
              )}
            </li>
          ))}
          {more > 0 && <li className="py-1 text-text-2">and {more.toLocaleString("en")} more</li>}
        </ul>
      )}
      <div className="flex flex-wrap gap-2">
        {found.imported > 0 && (
          <Button variant="primary" disabled={isBusy} onClick={onImport}>
            Import {count(found.imported, "task")}
          </Button>
        )}
        <Button disabled={isBusy} onClick={onCancel}>
          Cancel
        </Button>
      </div>
    </div>
  );
}

/** Returns what an import would do: "2 tasks are new, 1 exists already, 1 row is not understood." */
function summary({ imported, duplicates, skipped }: Imported): string {
  const parts = [`${count(imported, "task")} ${imported === 1 ? "is" : "are"} new`];
  if (duplicates)
    parts.push(`${duplicates.toLocaleString("en")} ${duplicates === 1 ? "exists" : "exist"} already`);
  if (skipped)
    parts.push(`${count(skipped, "row")} ${skipped === 1 ? "is" : "are"} not understood and left out`);
  return `${parts.join(", ")}.`;
}
