/** What changes in the user's data, in any window and on any server, for the features that show it. */
export type LiveEvent = {
  /** `ready`: changes before it may have been missed. */
  kind: "ready" | "tasks" | "conversation" | "account";
  /** The task or conversation, and the time of its change. Absent when much has changed at once. */
  id?: string;
  at?: string;
};

const listeners = new Set<(event: LiveEvent) => void>();

/** Calls the listener with every event. Returns a function that unsubscribes. */
export function onLiveEvent(listener: (event: LiveEvent) => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Passes an event to every listener. */
export function reportLiveEvent(event: LiveEvent): void {
  listeners.forEach((listener) => listener(event));
}
