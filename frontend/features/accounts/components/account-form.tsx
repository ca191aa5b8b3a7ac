"use client";

import { useRouter, useSearchParams } from "next/navigation";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { authClient } from "../auth-client";
import { checkCredentials, type CredentialErrors, explainRefusal } from "../credentials";
import { announceSession, useSession } from "../session";
import { submit as submitTo } from "../submit";
import { useHydrated } from "../use-hydrated";
import { FormAlert, FormLink, FormNotice } from "./form-messages";
import { PasswordField } from "./password-field";

const wording = {
  "sign-in": {
    title: "Sign in",
    submit: "Sign in",
    busy: "Signing in",
    question: "New here?",
    other: "Create an account",
    otherHref: "/sign-up",
  },
  "sign-up": {
    title: "Create an account",
    submit: "Create account",
    busy: "Creating account",
    question: "Already have an account?",
    other: "Sign in",
    otherHref: "/sign-in",
  },
} as const;

/** Why somebody comes to the sign-in page. */
const reasons: Record<string, string> = {
  "signed-out": "You were signed out. Sign in to continue.",
  "password-reset": "Your password was changed. Sign in with the new one.",
};

/** The form to sign in or to create an account. It redirects a signed-in user to the tasks. */
export function AccountForm({ mode }: { mode: keyof typeof wording }) {
  const words = wording[mode];
  const isNew = mode === "sign-up";
  const router = useRouter();
  const reason = reasons[useSearchParams().get("reason") ?? ""];
  const session = useSession();
  const formRef = useRef<HTMLFormElement>(null);
  const [errors, setErrors] = useState<CredentialErrors>({});
  const [submitted, setSubmitted] = useState(false);
  const hydrated = useHydrated();

  // A submitted form stays busy until the session is loaded or fails to load.
  const busy = submitted && !session.error;
  const formError =
    errors.form ?? (submitted && session.error ? explainRefusal({ status: 0 }, null).form : undefined);

  // The session updates after a sign-in, also after one in another tab.
  const signedIn = Boolean(session.user);
  useEffect(() => {
    if (signedIn) router.replace("/");
  }, [signedIn, router]);

  const showErrors = (found: CredentialErrors) => {
    setErrors(found);
    const first = (["name", "email", "password"] as const).find((field) => found[field]);
    if (first) formRef.current?.querySelector<HTMLInputElement>(`[name=${first}]`)?.focus();
  };

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name) ?? "");
    const email = text("email").trim();
    const password = text("password");
    const rememberMe = isNew || data.has("remember");
    const found = checkCredentials({ email, password, ...(isNew && { name: text("name") }) });
    if (Object.keys(found).length > 0) return showErrors(found);

    setErrors({});
    setSubmitted(true);
    const refusal = await submitTo((options) =>
      isNew
        ? authClient.signUp.email({ email, password, name: text("name").trim() }, options)
        : authClient.signIn.email({ email, password, rememberMe }, options),
    );
    if (!refusal) {
      announceSession();
      return void session.refetch();
    }
    showErrors(refusal);
    setSubmitted(false);
  };

  return (
    <form
      ref={formRef}
      method="post"
      noValidate
      onSubmit={submit}
      aria-label={words.title}
      className="space-y-4"
    >
      {reason && !isNew && <FormNotice>{reason}</FormNotice>}
      {isNew && <Field label="Name" name="name" autoComplete="name" error={errors.name} />}
      <Field
        label="Email"
        name="email"
        type="email"
        inputMode="email"
        autoCapitalize="none"
        autoComplete={isNew ? "email" : "username"}
        error={errors.email}
      />
      <PasswordField
        autoComplete={isNew ? "new-password" : "current-password"}
        error={errors.password}
        {...(isNew && { hint: "At least 8 characters." })}
      />
      {!isNew && (
        <div className="flex flex-wrap items-center justify-between gap-x-4">
          <label className="flex w-fit items-center gap-2 py-1">
            <input type="checkbox" name="remember" defaultChecked className="size-4 accent-accent" />
            Keep me signed in
          </label>
          <FormLink href="/forgot-password">Forgot password?</FormLink>
        </div>
      )}
      {formError && <FormAlert>{formError}</FormAlert>}
      <Button
        variant="primary"
        type="submit"
        className="h-10 w-full"
        disabled={!hydrated || busy || signedIn}
      >
        {busy ? `${words.busy}…` : words.submit}
      </Button>
      <p className="pt-2 text-center text-text-2">
        {words.question} <FormLink href={words.otherHref}>{words.other}</FormLink>
      </p>
    </form>
  );
}
