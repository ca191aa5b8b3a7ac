"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import type { SignedInUser } from "@/features/accounts/session";

/** Follows what changes elsewhere and sends what waits for a connection, while somebody is signed in. */
export function useLiveUpdates(user: SignedInUser | null): void {
  const queryClient = useQueryClient();
  const userId = user?.id;
  const latest = useRef(user);
  useEffect(() => {
    latest.current = user;
  });
  useEffect(() => {
    const user = latest.current;
    if (!user) return;
    let stop = () => {};
    let isOver = false;
    // Loaded after the first paint.
    void import("../live-updates").then(({ startLiveUpdates }) => {
      if (!isOver) stop = startLiveUpdates(queryClient, user);
    });
    return () => {
      isOver = true;
      stop();
    };
  }, [userId, queryClient]);
}
