"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useCallback, useEffect, useRef } from "react";
import { showToast } from "@/components/ui/toaster";
import { claimDrafts, clearDrafts } from "@/lib/drafts";
import { onSignedOut } from "@/lib/signed-out";
import { authClient } from "./auth-client";

/** How often a session that could not be looked up is asked for again, in ms. */
const RETRY_MS = 5_000;

export type SignedInUser = { id: string; name: string; email: string };

/**
 * Returns the person signed in (null while that is being found out), and how to sign out.
 *
 * Whoever is not signed in is sent to the sign-in page: on arrival, after signing out in any tab, and when any
 * call to the API says so. What one person loaded is forgotten before another sees the page.
 */
export function useSignedInUser() {
  const router = useRouter();
  const queryClient = useQueryClient();
  const { data, isPending, error, refetch } = authClient.useSession();
  const user: SignedInUser | null = data?.user ?? null;
  const userId = user?.id;
  const wasSignedIn = useRef<string>(undefined);
  const leaving = useRef(false);

  useEffect(() => onSignedOut(() => void refetch()), [refetch]);

  useEffect(() => {
    if (!userId) return;
    if (wasSignedIn.current && wasSignedIn.current !== userId) void queryClient.resetQueries();
    wasSignedIn.current = userId;
    claimDrafts(userId);
  }, [userId, queryClient]);

  // A failed look-up is not the answer "nobody": then the page stays and says what failed.
  const isSignedOut = !isPending && !user && (!error || error.status === 401);
  useEffect(() => {
    if (!isSignedOut) return;
    queryClient.clear();
    const unasked = wasSignedIn.current && !leaving.current;
    router.replace(unasked ? "/sign-in?reason=signed-out" : "/sign-in");
  }, [isSignedOut, queryClient, router]);

  // Better Auth's client asks again on focus and when the network is back, but not when the server is.
  const isUnknown = Boolean(error) && !user && !isSignedOut;
  useEffect(() => {
    if (!isUnknown) return;
    const timer = setInterval(() => void refetch(), RETRY_MS);
    return () => clearInterval(timer);
  }, [isUnknown, refetch]);

  const signOut = useCallback(async () => {
    leaving.current = true;
    const { error } = await authClient.signOut().catch(() => ({ error: true }));
    if (error) {
      leaving.current = false;
      showToast({ message: "You are still signed in: the server did not answer. Try again.", tone: "error" });
      return;
    }
    clearDrafts();
  }, []);

  return { user, isSignedOut, signOut };
}
