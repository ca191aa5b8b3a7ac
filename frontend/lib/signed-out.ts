/** Connects any code that receives a 401 with the code that owns the session. */

const listeners = new Set<() => void>();

/** Reports that the server no longer accepts this browser's session. */
export function reportSignedOut(): void {
  listeners.forEach((listener) => listener());
}

/** Calls the listener on every report. Returns a function that unsubscribes. */
export function onSignedOut(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
