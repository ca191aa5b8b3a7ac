"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

/** Reads the lists again that changed elsewhere, while somebody is signed in. */
export function useLiveUpdates(isSignedIn: boolean): void {
  const queryClient = useQueryClient();
  useEffect(() => {
    if (!isSignedIn) return;
    let stop = () => {};
    let isOver = false;
    // Loaded after the first paint.
    void import("../live-updates").then(({ startLiveUpdates }) => {
      if (!isOver) stop = startLiveUpdates(queryClient);
    });
    return () => {
      isOver = true;
      stop();
    };
  }, [isSignedIn, queryClient]);
}
