/** The server's state on the settings page, and the changes to it. */
"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { callApi } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { authClient } from "../auth-client";
import { dataOf } from "../settings";

export type AccessToken = components["schemas"]["AccessTokenOut"];
export type NewAccessToken = components["schemas"]["NewAccessToken"];
type AccessTokenCreate = components["schemas"]["AccessTokenCreate"];
type Preferences = components["schemas"]["PreferencesOut"];
export type Device = { id: string; token: string; userAgent: string; updatedAt: Date; isCurrent: boolean };

const TOKENS = ["settings", "access tokens"];
const DEVICES = ["settings", "devices"];
const PREFERENCES = ["settings", "preferences"];

/** Runs a change; the given part of the page is loaded again after it. */
export function useChange<Input, Result>(
  change: (input: Input) => Promise<Result>,
  { reload, onDone }: { reload?: string[]; onDone?: (result: Result) => void } = {},
) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: change,
    networkMode: "always",
    onSuccess: (result) => onDone?.(result),
    onSettled: () => reload && queryClient.invalidateQueries({ queryKey: reload }),
  });
}

export const useAccessTokens = () =>
  useQuery({
    queryKey: TOKENS,
    queryFn: ({ signal }) => callApi<{ items: AccessToken[] }>("/api/access-tokens", { signal }),
  });

export const useCreateAccessToken = (onDone: (token: NewAccessToken) => void) =>
  useChange(
    (body: AccessTokenCreate) => callApi<NewAccessToken>("/api/access-tokens", { method: "POST", body }),
    { reload: TOKENS, onDone },
  );

export const useRevokeAccessToken = () =>
  useChange((id: string) => callApi<void>(`/api/access-tokens/${id}`, { method: "DELETE" }), {
    reload: TOKENS,
  });

export const useDevices = () =>
  useQuery({
    queryKey: DEVICES,
    retry: false,
    queryFn: async (): Promise<Device[]> => {
      const [sessions, own] = await Promise.all([
        dataOf(authClient.listSessions()),
        dataOf(authClient.getSession()),
      ]);
      return (sessions ?? []).map((session) => ({
        id: session.id,
        token: session.token,
        userAgent: session.userAgent ?? "",
        updatedAt: new Date(session.updatedAt),
        isCurrent: session.id === own?.session.id,
      }));
    },
  });

export const useEndSession = () =>
  useChange((token: string) => dataOf(authClient.revokeSession({ token })), { reload: DEVICES });

export const useEndOtherSessions = () =>
  useChange(() => dataOf(authClient.revokeOtherSessions()), { reload: DEVICES });

export const usePreferences = () =>
  useQuery({
    queryKey: PREFERENCES,
    queryFn: ({ signal }) => callApi<Preferences>("/api/preferences", { signal }),
  });

export const useUpdatePreferences = () =>
  useChange(
    (body: Partial<Preferences>) => callApi<Preferences>("/api/preferences", { method: "PATCH", body }),
    {
      reload: PREFERENCES,
    },
  );

/** Changes the password, ends the other sessions and revokes the access tokens. */
export const useChangePassword = (onDone: () => void) =>
  useChange(
    (passwords: { currentPassword: string; newPassword: string }) =>
      dataOf(authClient.changePassword({ ...passwords, revokeOtherSessions: true })),
    { reload: ["settings"], onDone },
  );
