"use client";

import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Field, inputStyle } from "@/components/ui/field";
import { formatDay } from "@/lib/calendar";
import {
  type NewAccessToken,
  useAccessTokens,
  useCreateAccessToken,
  useRevokeAccessToken,
} from "../api/settings-queries";
import { describeUse } from "../settings";
import { Failure, SettingsRow, SettingsSection, ShownOnce } from "./settings-section";

const LIFETIMES = [
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "1 year"],
  ["", "Does not expire"],
] as const;

export function AccessTokensSection() {
  const [created, setCreated] = useState<NewAccessToken | null>(null);
  const tokens = useAccessTokens();
  const revoke = useRevokeAccessToken();
  const now = new Date();
  return (
    <SettingsSection
      title="Access tokens"
      description="For assistants and scripts. They can access your tasks, but not your account."
    >
      {created && <ShownOnce key={created.id} what="token" value={created.token} />}
      <CreateToken onCreated={setCreated} />
      <ul>
        {tokens.data?.items.map((token) => (
          <SettingsRow
            key={token.id}
            title={token.name}
            note={`${token.prefix}… · ${token.scope === "write" ? "Reads and changes tasks" : "Reads tasks"} · ${describeUse(token, now, (date) => formatDay(date, now))}`}
          >
            <Button
              aria-label={`Revoke ${token.name}`}
              disabled={revoke.isPending}
              onClick={() => {
                if (created?.id === token.id) setCreated(null);
                revoke.mutate(token.id);
              }}
            >
              Revoke
            </Button>
          </SettingsRow>
        ))}
      </ul>
      <Failure error={tokens.error ?? revoke.error} />
    </SettingsSection>
  );
}

function CreateToken({ onCreated }: { onCreated: (token: NewAccessToken) => void }) {
  const [count, setCount] = useState(0);
  const create = useCreateAccessToken((token) => {
    setCount(count + 1);
    onCreated(token);
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    create.mutate({
      name: String(data.get("name")),
      scope: data.get("scope") === "write" ? "write" : "read",
      expires_in_days: Number(data.get("lifetime")) || null,
    });
  };
  return (
    // A new key empties the form after a token was created.
    <form key={count} onSubmit={submit} className="space-y-3">
      <Field label="Name of a new token" name="name" required maxLength={100} autoComplete="off" />
      <div className="flex flex-wrap gap-2">
        <select name="scope" aria-label="Scope" className={`${inputStyle} grow basis-40`}>
          <option value="read">Read tasks</option>
          <option value="write">Read and change tasks</option>
        </select>
        <select
          name="lifetime"
          aria-label="Expires"
          defaultValue="90"
          className={`${inputStyle} grow basis-40`}
        >
          {LIFETIMES.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <Failure error={create.error} />
      <Button type="submit" disabled={create.isPending}>
        Create token
      </Button>
    </form>
  );
}
