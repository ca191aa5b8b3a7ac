"use client";

import { CircleAlert, RefreshCw, WifiOff, X } from "lucide-react";
import { useMemo, useSyncExternalStore } from "react";
import { IconButton } from "@/components/ui/button";
import { dismissRefusal, type Entry } from "@/features/tasks/api/outbox";
import { useDraft } from "@/lib/drafts";
import { readOutbox } from "@/lib/outbox";

function subscribeToNetwork(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}

const acts: Record<Entry["change"]["kind"], string> = {
  create: "added",
  update: "changed",
  move: "moved",
  complete: "completed",
  reopen: "reopened",
  delete: "deleted",
};

/** Says that there is no connection, what waits for one, and which changes the server refused. */
export function OfflineNotice() {
  const isOnline = useSyncExternalStore(
    subscribeToNetwork,
    () => navigator.onLine,
    () => true,
  );
  const [outbox] = useDraft("outbox");
  const [unanswered] = useDraft("unanswered");
  const entries = useMemo(() => readOutbox<Entry>(outbox), [outbox]);
  const refused = entries.filter(({ refusal }) => refusal);
  const waiting = [
    countOf(entries.length - refused.length, "change"),
    countOf(countOffline(unanswered), "message"),
  ].filter(Boolean);
  const what = waiting.join(" and ");
  return (
    <div role="status">
      {(!isOnline || what) && (
        <p className="flex items-center justify-center gap-2 bg-surface-3 px-4 py-1.5 text-small">
          {isOnline ? (
            <RefreshCw className="size-4 shrink-0" aria-hidden="true" />
          ) : (
            <WifiOff className="size-4 shrink-0" aria-hidden="true" />
          )}
          {isOnline
            ? `Sending ${what}…`
            : `You are offline. ${what ? `${what} will be sent` : "Your changes will be sent"} when you are online again.`}
        </p>
      )}
      {refused.map((entry) => (
        <p
          key={entry.change.key}
          className="flex items-center justify-center gap-2 bg-danger-soft px-4 py-0.5 text-small"
        >
          <CircleAlert className="size-4 shrink-0 text-danger" aria-hidden="true" />
          <span className="min-w-0 [overflow-wrap:anywhere]">
            ‘{entry.title}’ was not {acts[entry.change.kind]}. {entry.refusal}
          </span>
          <IconButton label="Dismiss" className="size-8" onClick={() => dismissRefusal(entry)}>
            <X />
          </IconButton>
        </p>
      ))}
    </div>
  );
}

function countOf(count: number, noun: string): string {
  return count === 0 ? "" : `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function countOffline(unanswered: string): number {
  return readOutbox<{ kind?: string }>(unanswered).filter(({ kind }) => kind === "offline").length;
}
