"use client";

import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { authClient } from "../auth-client";
import { checkEmail, type CredentialErrors } from "../credentials";
import { submit } from "../submit";
import { useHydrated } from "../use-hydrated";
import { FormAlert, FormLink, FormNotice } from "./form-messages";

/** The form that asks for an email with a link for a new password. */
export function ForgotPasswordForm() {
  const hydrated = useHydrated();
  const [errors, setErrors] = useState<CredentialErrors>({});
  const [busy, setBusy] = useState(false);
  const [sentTo, setSentTo] = useState<string>();

  const send = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const input = event.currentTarget.elements.namedItem("email") as HTMLInputElement;
    const email = input.value.trim();
    const problem = checkEmail(email);
    setErrors(problem ? { email: problem } : {});
    if (problem) return input.focus();
    setBusy(true);
    const found = await submit((options) =>
      authClient.requestPasswordReset({ email, redirectTo: "/reset-password" }, options),
    );
    setBusy(false);
    if (!found) return setSentTo(email);
    setErrors(found);
    if (found.email) input.focus();
  };

  return (
    <form method="post" noValidate onSubmit={send} aria-label="Reset your password" className="space-y-4">
      {sentTo ? (
        <FormNotice>
          If {sentTo} has an account, a link is on its way. It works once, within an hour. If nothing arrives,
          look in the spam folder.
        </FormNotice>
      ) : (
        <>
          <p className="text-text-2">
            Enter the email address of your account, and you get a link to choose a new password.
          </p>
          <Field
            label="Email"
            name="email"
            type="email"
            inputMode="email"
            autoCapitalize="none"
            autoComplete="username"
            error={errors.email}
          />
          {errors.form && <FormAlert>{errors.form}</FormAlert>}
          <Button variant="primary" type="submit" className="h-10 w-full" disabled={!hydrated || busy}>
            {busy ? "Sending…" : "Send link"}
          </Button>
        </>
      )}
      <p className="pt-2 text-center">
        <FormLink href="/sign-in">Back to sign in</FormLink>
      </p>
    </form>
  );
}
