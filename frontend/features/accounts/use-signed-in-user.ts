"use client";

import { type Query, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useCallback, useEffect, useRef } from "react";
import { showToast } from "@/components/ui/toaster";
import { claimDrafts, clearDrafts } from "@/lib/drafts";
import { endSession, sessionKey, useSession } from "./session";

/** Delay between attempts to load a session that could not be loaded. */
const RETRY_MS = 5_000;

const isPrivate = ({ queryKey }: Query) => queryKey[0] !== sessionKey[0];

/**
 * Returns the signed-in user (null while the session loads) and a function that signs out.
 *
 * Redirects to the sign-in page when nobody is signed in: on arrival, after a sign-out in any tab, and when a call to
 * the API returns 401. Data of one user is removed before another user sees the page.
 */
export function useSignedInUser() {
  const router = useRouter();
  const queryClient = useQueryClient();
  const { user, error, refetch } = useSession();
  const userId = user?.id;
  const wasSignedIn = useRef<string>(undefined);
  const leaving = useRef(false);

  useEffect(() => {
    if (!userId) return;
    if (wasSignedIn.current && wasSignedIn.current !== userId) {
      void queryClient.resetQueries({ predicate: isPrivate });
    }
    wasSignedIn.current = userId;
    claimDrafts(userId);
  }, [userId, queryClient]);

  // A session that fails to load does not mean that nobody is signed in: the page stays and reports the failure.
  const isSignedOut = user === null;
  useEffect(() => {
    if (!isSignedOut) return;
    queryClient.removeQueries({ predicate: isPrivate });
    queryClient.getMutationCache().clear();
    void import("@/lib/private-copy").then(({ clearCopies }) => clearCopies());
    const wasSignedOut = wasSignedIn.current && !leaving.current;
    router.replace(wasSignedOut ? "/sign-in?reason=signed-out" : "/sign-in");
  }, [isSignedOut, queryClient, router]);

  // The query loads again on focus and on reconnect, but not when the server is back.
  const isUnknown = user === undefined && error !== null;
  useEffect(() => {
    if (!isUnknown) return;
    const timer = setInterval(() => void refetch(), RETRY_MS);
    return () => clearInterval(timer);
  }, [isUnknown, refetch]);

  const signOut = useCallback(async () => {
    leaving.current = true;
    try {
      await endSession();
    } catch {
      leaving.current = false;
      showToast({
        message: "You are still signed in, because the server did not respond. Try again.",
        tone: "error",
      });
      return;
    }
    clearDrafts();
    void refetch();
  }, [refetch]);

  return { user: user ?? null, isSignedOut, signOut };
}
