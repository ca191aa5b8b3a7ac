"use client";

import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { clearDrafts } from "@/lib/drafts";
import { useChange } from "../api/settings-queries";
import { authClient } from "../auth-client";
import { dataOf } from "../settings";
import { PasswordField } from "./password-field";
import { Failure, SettingsSection } from "./settings-section";

export function DeleteAccountSection({ email }: { email: string }) {
  const [typed, setTyped] = useState("");
  const [problem, setProblem] = useState<string>();
  const remove = useChange((password: string) => dataOf(authClient.deleteUser({ password })), {
    onDone: () => {
      clearDrafts();
      // Everything in this page belongs to the account.
      window.location.replace("/sign-up");
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const password = String(new FormData(event.currentTarget).get("password"));
    setProblem(password ? undefined : "Enter your password.");
    if (password) remove.mutate(password);
  };
  const isConfirmed = typed.trim().toLowerCase() === email.toLowerCase();
  return (
    <SettingsSection
      title="Delete account"
      description="Deletes your tasks, conversations and access tokens. This cannot be undone."
    >
      <form onSubmit={submit} className="space-y-4">
        <Field
          label="Type your email address to confirm"
          name="confirmation"
          autoComplete="off"
          autoCapitalize="none"
          placeholder={email}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        {isConfirmed && <PasswordField autoComplete="current-password" />}
        <Failure error={problem ? new Error(problem) : remove.error} />
        <Button
          type="submit"
          variant="danger"
          className="border border-line"
          disabled={!isConfirmed || remove.isPending}
        >
          Delete account
        </Button>
      </form>
    </SettingsSection>
  );
}
