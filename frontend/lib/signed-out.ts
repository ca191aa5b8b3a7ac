/** Lets whoever gets a 401, anywhere, tell the one who knows the session. */

const listeners = new Set<() => void>();

/** Says that the server no longer knows this browser's session. */
export function reportSignedOut(): void {
  listeners.forEach((listener) => listener());
}

/** Calls back on every such report; returns how to stop. */
export function onSignedOut(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
