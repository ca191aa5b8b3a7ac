/**
 * Text in the browser's storage as React state. The server renders it empty; the browser then shows the stored text.
 * If the storage is blocked or full, the text lives as long as the page.
 */
import { useCallback, useSyncExternalStore } from "react";

type Kind = "localStorage" | "sessionStorage";

const listeners = new Set<() => void>();
const unstored = new Map<string, string>();

/** Returns the text stored under a name and its setter. Empty text removes the entry. */
export function useStoredText(kind: Kind, name: string): [text: string, setText: (text: string) => void] {
  const text = useSyncExternalStore(
    subscribe,
    () => readStoredText(kind, name),
    () => "",
  );
  return [text, useCallback((next: string) => writeStoredText(kind, name, next), [kind, name])];
}

export function readStoredText(kind: Kind, name: string): string {
  return unstored.get(name) ?? storage(kind)?.getItem(name) ?? "";
}

export function writeStoredText(kind: Kind, name: string, text: string): void {
  unstored.delete(name);
  try {
    const store = storage(kind);
    if (!store) unstored.set(name, text);
    else if (text) store.setItem(name, text);
    else store.removeItem(name);
  } catch {
    unstored.set(name, text);
  }
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  // Another tab has changed it.
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

function storage(kind: Kind): Storage | null {
  try {
    return window[kind];
  } catch {
    return null;
  }
}
