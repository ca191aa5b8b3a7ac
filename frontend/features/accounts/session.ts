"use client";

/** Who is signed in to this browser: one query, which all pages share, and a signal between windows. */
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { ApiError } from "@/lib/api/client";
import { onSignedOut } from "@/lib/signed-out";

export type SignedInUser = { id: string; name: string; email: string };

export const sessionKey = ["session"] as const;

/** An entry of localStorage: its change reaches every other window. */
const SIGNAL = "session-changed";
const STALE_MS = 5_000;

/** Returns the signed-in user, null if nobody is, and undefined until that is known. */
export function useSession() {
  const { data, error, refetch } = useQuery({
    queryKey: sessionKey,
    queryFn: ({ signal }) => readSession(signal),
    staleTime: STALE_MS,
  });
  useEffect(() => {
    const onStorage = ({ key }: StorageEvent) => key === SIGNAL && void refetch();
    const stop = onSignedOut(() => void refetch());
    window.addEventListener("storage", onStorage);
    return () => {
      stop();
      window.removeEventListener("storage", onStorage);
    };
  }, [refetch]);
  return { user: data, error, refetch };
}

/** Tells the other windows that somebody has signed in or out. */
export function announceSession(): void {
  try {
    localStorage.setItem(SIGNAL, String(Date.now()));
  } catch {
    // Without storage, the other windows notice with their next request.
  }
}

export async function endSession(): Promise<void> {
  const response = await fetch("/api/auth/sign-out", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  if (!response.ok) throw new ApiError(`The server returned an error (${response.status}).`, response.status);
  announceSession();
}

// Not callApi: a 401 here must not ask for the session again.
async function readSession(signal: AbortSignal): Promise<SignedInUser | null> {
  const response = await fetch("/api/auth/get-session", { cache: "no-store", signal }).catch(() => null);
  if (response?.status === 401) return null;
  if (!response && !signal.aborted) {
    const { readUserCopy } = await import("@/lib/private-copy");
    const user = await readUserCopy<SignedInUser>();
    if (user) return user;
  }
  if (!response?.ok) throw new ApiError("Your session could not be read.", response?.status ?? 0);
  const session = (await response.json()) as { user: SignedInUser } | null;
  return session?.user ?? null;
}
