"use client";

import { WifiOff } from "lucide-react";
import { useSyncExternalStore } from "react";

function subscribeToNetwork(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}

/** Tells the user when the browser has no network. */
export function OfflineNotice() {
  const isOnline = useSyncExternalStore(
    subscribeToNetwork,
    () => navigator.onLine,
    () => true,
  );
  return (
    <div role="status">
      {!isOnline && (
        <p className="flex items-center justify-center gap-2 bg-surface-3 px-4 py-1.5 text-small">
          <WifiOff className="size-4 shrink-0" aria-hidden="true" />
          You are offline. Messages are sent when you are online again; changes to tasks need a connection.
        </p>
      )}
    </div>
  );
}
