"use client";

import { useMemo, useSyncExternalStore } from "react";
import { addressOf, type View, viewAt } from "./views";

const listeners = new Set<() => void>();

/** Returns the view that the page's address names. */
export function useView(): View {
  const search = useSyncExternalStore(
    subscribe,
    () => location.search,
    () => "",
  );
  return useMemo(() => viewAt(search), [search]);
}

/** Goes to a view. The back button returns to the one before. */
export function goToView(view: View): void {
  const address = addressOf(view);
  if (address === location.pathname + location.search) return;
  history.pushState(null, "", address);
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}
