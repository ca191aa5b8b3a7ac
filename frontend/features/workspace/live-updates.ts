import type { QueryClient } from "@tanstack/react-query";
import { startCopying } from "@/features/tasks/api/offline-copy";
import { startSending } from "@/features/tasks/api/outbox";
import { isKnownChange, tasksKey } from "@/features/tasks/api/task-cache";
import type { SignedInUser } from "@/features/accounts/session";
import { type LiveEvent, onLiveEvent } from "@/lib/live-events";
import { followLiveEvents } from "@/lib/live-stream";
import { claimCopies } from "@/lib/private-copy";
import { reportSignedOut } from "@/lib/signed-out";

/**
 * Reads the lists again that changed elsewhere, sends what waits for a connection, and keeps what a start without one
 * needs, until the returned function is called.
 */
export function startLiveUpdates(queryClient: QueryClient, user: SignedInUser): () => void {
  void claimCopies(user);
  void installServiceWorker();
  const waiting: LiveEvent[] = [];
  const tasks = { mutationKey: tasksKey, queryKey: tasksKey };
  // Only after this window's own changes and requests have ended is it clear what it does not know.
  const settle = () => {
    if (waiting.length === 0) return;
    if (queryClient.isMutating(tasks) || queryClient.isFetching(tasks)) return;
    const news = waiting.splice(0).filter(({ id, at }) => !id || !at || !isKnownChange(queryClient, id, at));
    if (news.length > 0) void queryClient.invalidateQueries({ queryKey: tasksKey });
  };
  const stops = [
    onLiveEvent((event) => {
      // The session may have ended, or the name of the user changed.
      if (event.kind === "account") reportSignedOut();
      if (event.kind !== "tasks" && event.kind !== "ready") return;
      waiting.push(event);
      settle();
    }),
    // The caches report an end before they count it.
    queryClient.getMutationCache().subscribe(() => queueMicrotask(settle)),
    queryClient.getQueryCache().subscribe(() => queueMicrotask(settle)),
    followLiveEvents(),
    startSending(queryClient),
    startCopying(queryClient),
  ];
  return () => stops.forEach((stop) => stop());
}

/** Keeps the application in the browser, so that it starts without a connection. */
async function installServiceWorker(): Promise<void> {
  // The development server has none, and a browser offers it over HTTPS and on localhost only.
  if (process.env.NODE_ENV !== "production" || !("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" }).catch(() => undefined);
}
