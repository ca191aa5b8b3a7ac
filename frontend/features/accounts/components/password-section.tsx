"use client";

import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { showToast } from "@/components/ui/toaster";
import { useChangePassword } from "../api/settings-queries";
import { checkNewPassword } from "../settings";
import { PasswordField } from "./password-field";
import { Failure, SettingsSection } from "./settings-section";

export function PasswordSection() {
  const [attempt, setAttempt] = useState(0);
  const [problem, setProblem] = useState<string>();
  const change = useChangePassword(() => {
    showToast({ message: "Password changed" });
    setAttempt(attempt + 1);
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const currentPassword = String(data.get("current"));
    const newPassword = String(data.get("new"));
    const found = checkNewPassword(currentPassword, newPassword);
    setProblem(found);
    if (!found) change.mutate({ currentPassword, newPassword });
  };
  return (
    <SettingsSection
      title="Password"
      description="A new password signs out your other devices and revokes your access tokens."
    >
      {/* A new key empties the fields after a change. */}
      <form key={attempt} noValidate onSubmit={submit} className="space-y-4">
        <PasswordField label="Current password" name="current" autoComplete="current-password" />
        <PasswordField
          label="New password"
          name="new"
          autoComplete="new-password"
          hint="At least 8 characters."
        />
        <Failure error={problem ? new Error(problem) : change.error} />
        <Button type="submit" disabled={change.isPending}>
          Change password
        </Button>
      </form>
    </SettingsSection>
  );
}
