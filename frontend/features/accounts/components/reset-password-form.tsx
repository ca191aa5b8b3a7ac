"use client";

import { useSearchParams } from "next/navigation";
import { type FormEvent, useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { authClient } from "../auth-client";
import { checkPassword, type CredentialErrors } from "../credentials";
import { submit } from "../submit";
import { useHydrated } from "../use-hydrated";
import { PasswordField } from "./password-field";
import { FormAlert, FormLink } from "./form-messages";

// The session has ended with the old password, and a new page does not remember it.
const goToSignIn = () => window.location.replace("/sign-in?reason=password-reset");

/** The form that sets a new password by the token of a link. */
export function ResetPasswordForm({ onDone = goToSignIn }: { onDone?: () => void }) {
  const hydrated = useHydrated();
  const given = useSearchParams().get("token") ?? "";
  const [token] = useState(given);
  const [invalid, setInvalid] = useState(!given);
  const [errors, setErrors] = useState<CredentialErrors>({});
  const [busy, setBusy] = useState(false);

  // Neither the history nor a shared screen keeps the token.
  useEffect(() => {
    if (token) window.history.replaceState(null, "", window.location.pathname);
  }, [token]);

  const reset = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const input = event.currentTarget.elements.namedItem("password") as HTMLInputElement;
    const problem = checkPassword(input.value, { isNew: true });
    setErrors(problem ? { password: problem } : {});
    if (problem) return input.focus();
    setBusy(true);
    const found = await submit((options) =>
      authClient.resetPassword({ newPassword: input.value, token }, options),
    );
    if (!found) return onDone();
    setBusy(false);
    if (found.link) return setInvalid(true);
    setErrors(found);
    if (found.password) input.focus();
  };

  if (invalid) {
    return (
      <div className="space-y-4">
        <FormAlert>This link does not work. A link works once, within an hour.</FormAlert>
        <p className="pt-2 text-center">
          <FormLink href="/forgot-password">Request a new link</FormLink>
        </p>
      </div>
    );
  }
  return (
    <form method="post" noValidate onSubmit={reset} aria-label="Choose a new password" className="space-y-4">
      <p className="text-text-2">This ends all your sessions and revokes your access tokens.</p>
      <PasswordField
        label="New password"
        autoComplete="new-password"
        error={errors.password}
        hint="At least 8 characters."
      />
      {errors.form && <FormAlert>{errors.form}</FormAlert>}
      <Button variant="primary" type="submit" className="h-10 w-full" disabled={!hydrated || busy}>
        {busy ? "Setting password…" : "Set password"}
      </Button>
    </form>
  );
}
