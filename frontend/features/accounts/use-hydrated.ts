import { useSyncExternalStore } from "react";

const subscribeToNothing = () => () => {};

/**
 * Returns whether the page's scripts run. Before that, the browser would send a form itself and lose what was typed.
 */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    subscribeToNothing,
    () => true,
    () => false,
  );
}
