"use client";

import { Check, Copy } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { IconButton } from "@/components/ui/button";

/** A part of the settings page: its title and purpose, and beside them the controls. */
export function SettingsSection({
  title,
  description,
  children,
}: {
  title: string;
  description?: string;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section
      aria-labelledby={id}
      className="gap-x-8 border-b border-line py-6 last:border-b-0 md:grid md:grid-cols-[13rem_minmax(0,1fr)]"
    >
      <div className="mb-4">
        <h2 id={id} className="font-semibold">
          {title}
        </h2>
        {description && <p className="mt-1 text-small text-text-2">{description}</p>}
      </div>
      <div className="min-w-0 space-y-4">{children}</div>
    </section>
  );
}

/** The message of a change or a query that failed. */
export function Failure({ error }: { error: Error | null }) {
  if (!error) return null;
  return (
    <p role="alert" className="rounded-lg bg-danger-soft px-3 py-2 text-small text-danger">
      {error.message}
    </p>
  );
}

/** One of several things, such as a device, with a button at its end. */
export function SettingsRow({
  title,
  note,
  children,
}: {
  title: ReactNode;
  note: string;
  children: ReactNode;
}) {
  return (
    <li className="flex items-center gap-3 border-b border-line py-2 last:border-b-0">
      <div className="min-w-0 grow">
        <div className="truncate font-medium">{title}</div>
        <div className="text-small text-text-2">{note}</div>
      </div>
      {children}
    </li>
  );
}

/** A secret that the server shows only once, with a button that copies it. */
export function ShownOnce({ what, value, advice = "" }: { what: string; value: string; advice?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard?.writeText(value).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return (
    <div role="status" className="rounded-lg border border-line bg-surface-2 px-3 py-2">
      <p className="text-small">
        Copy the {what} now. It is not shown again. {advice}
      </p>
      <div className="flex items-center gap-1">
        <code className="min-w-0 grow text-small break-all select-all">{value}</code>
        <IconButton label={copied ? "Copied" : `Copy ${what}`} onClick={() => void copy()}>
          {copied ? <Check /> : <Copy />}
        </IconButton>
      </div>
    </div>
  );
}
