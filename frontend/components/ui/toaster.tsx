"use client";

import { X } from "lucide-react";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { IconButton } from "./button";
import { classNames } from "./class-names";

export type Toast = {
  message: string;
  tone?: "error";
  action?: { label: string; run: () => void };
};

type ShownToast = Toast & { id: number };

const SHOWN_MS = 7_000;
const MAX_SHOWN = 3;

let shown: ShownToast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function update(next: ShownToast[]): void {
  shown = next;
  listeners.forEach((listener) => listener());
}

/** Shows a short message at the edge of the page. Returns a function that dismisses it, and tells whether it was still shown. */
export function showToast(toast: Toast): () => boolean {
  const id = ++lastId;
  update([...shown.slice(1 - MAX_SHOWN), { ...toast, id }]);
  return () => dismiss(id);
}

/** Runs the action of the newest message that has one. Returns whether there was one. */
export function runLatestToastAction(): boolean {
  const latest = shown.findLast((toast) => toast.action);
  if (!latest) return false;
  dismiss(latest.id);
  latest.action?.run();
  return true;
}

function dismiss(id: number): boolean {
  const others = shown.filter((toast) => toast.id !== id);
  const wasShown = others.length < shown.length;
  update(others);
  return wasShown;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

const none: ShownToast[] = [];

/**
 * The live region of messages. It exists from the start, so that screen readers announce new messages.
 * The element with `data-above-toasts` leaves their height free. A variable of the whole page would do too, but restyle
 * every row of a list for each message.
 */
export function Toaster() {
  const toasts = useSyncExternalStore(
    subscribe,
    () => shown,
    () => none,
  );
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const above = document.querySelector<HTMLElement>("[data-above-toasts]");
    if (!ref.current || !above) return;
    above.style.marginBottom = toasts.length > 0 ? `${ref.current.offsetHeight + 28}px` : "";
  }, [toasts]);
  return (
    <div
      ref={ref}
      role="status"
      aria-live="polite"
      aria-label="Notifications"
      className="pointer-events-none fixed inset-x-0 bottom-[calc(env(safe-area-inset-bottom)+7.75rem)] z-50 flex flex-col items-center gap-2 px-3 md:right-auto md:bottom-5 md:max-w-[calc(100vw-27rem)] md:min-w-0 md:items-start md:px-5"
    >
      {toasts.map((toast) => (
        <ToastView key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

function ToastView({ toast }: { toast: ShownToast }) {
  const [held, setHeld] = useState(false);
  const remaining = useRef(SHOWN_MS);

  useEffect(() => {
    if (held) return;
    const started = Date.now();
    const timer = setTimeout(() => dismiss(toast.id), remaining.current);
    return () => {
      clearTimeout(timer);
      remaining.current = Math.max(1_500, remaining.current - (Date.now() - started));
    };
  }, [held, toast.id]);

  return (
    <div
      className="pointer-events-auto flex max-w-full animate-rise items-center gap-1 rounded-xl border border-line bg-raised py-1 pr-1 pl-4 shadow-raised"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span className={classNames("min-w-0 py-1.5", toast.tone === "error" && "text-danger")}>
        {toast.message}
      </span>
      {toast.action && (
        <button
          type="button"
          className="shrink-0 rounded-lg px-2.5 py-1.5 font-medium text-accent hover:bg-accent-soft"
          onClick={() => {
            dismiss(toast.id);
            toast.action?.run();
          }}
        >
          {toast.action.label}
        </button>
      )}
      <IconButton label="Dismiss" className="size-8" onClick={() => dismiss(toast.id)}>
        <X />
      </IconButton>
    </div>
  );
}
