"use client";

import type { FormEvent } from "react";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { showToast } from "@/components/ui/toaster";
import { useChange } from "../api/settings-queries";
import { authClient } from "../auth-client";
import { dataOf } from "../settings";
import type { SignedInUser } from "../session";
import { Failure, SettingsSection } from "./settings-section";

export function ProfileSection({ user }: { user: SignedInUser }) {
  const rename = useChange((name: string) => dataOf(authClient.updateUser({ name })), {
    onDone: () => void showToast({ message: "Name saved" }),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    if (name) rename.mutate(name);
  };
  return (
    <SettingsSection title="Profile" description={user.email}>
      <form onSubmit={submit} className="flex items-end gap-2">
        <Field
          label="Name"
          name="name"
          autoComplete="name"
          defaultValue={user.name}
          maxLength={200}
          required
          className="min-w-0 grow"
        />
        <Button type="submit" className="h-[2.5rem]" disabled={rename.isPending}>
          Save
        </Button>
      </form>
      <Failure error={rename.error} />
    </SettingsSection>
  );
}
