"use client";

import Link from "next/link";
import { useRouter, useSearchParams } from "next/navigation";
import { type FormEvent, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { authClient } from "../auth-client";
import { checkCredentials, type CredentialErrors, explainRefusal } from "../credentials";
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

const subscribeToNothing = () => () => {};

/** The form to sign in or to create an account. It redirects a signed-in user to the tasks. */
export function AccountForm({ mode }: { mode: keyof typeof wording }) {
  const words = wording[mode];
  const isNew = mode === "sign-up";
  const router = useRouter();
  const wasSignedOut = useSearchParams().get("reason") === "signed-out";
  const session = authClient.useSession();
  const formRef = useRef<HTMLFormElement>(null);
  const [errors, setErrors] = useState<CredentialErrors>({});
  const [submitted, setSubmitted] = useState(false);
  // Before its scripts run, the browser would send the form itself and lose what was typed.
  const hydrated = useSyncExternalStore(
    subscribeToNothing,
    () => true,
    () => false,
  );

  // A submitted form stays busy until the session is loaded or fails to load.
  const busy = submitted && !session.error;
  const formError =
    errors.form ?? (submitted && session.error ? explainRefusal({ status: 0 }, null).form : undefined);

  // The session updates after a sign-in, also after one in another tab.
  const signedIn = Boolean(session.data);
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
    let retryAfter: number | null = null;
    const options = {
      onError: ({ response }: { response?: Response }) => {
        retryAfter = Number(response?.headers.get("x-retry-after")) || null;
      },
    };
    try {
      const { error } = isNew
        ? await authClient.signUp.email({ email, password, name: text("name").trim() }, options)
        : await authClient.signIn.email({ email, password, rememberMe }, options);
      if (!error) return;
      showErrors(explainRefusal(error, retryAfter));
    } catch {
      showErrors(explainRefusal({ status: 0 }, null));
    }
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
      {wasSignedOut && !isNew && (
        <p className="rounded-lg bg-surface-3 px-3 py-2 text-small">
          You were signed out. Sign in to continue.
        </p>
      )}
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
        <label className="flex w-fit items-center gap-2 py-1">
          <input type="checkbox" name="remember" defaultChecked className="size-4 accent-accent" />
          Keep me signed in
        </label>
      )}
      {formError && (
        <p role="alert" className="rounded-lg bg-danger-soft px-3 py-2 text-small text-danger">
          {formError}
        </p>
      )}
      <Button
        variant="primary"
        type="submit"
        className="h-10 w-full"
        disabled={!hydrated || busy || signedIn}
      >
        {busy ? `${words.busy}…` : words.submit}
      </Button>
      <p className="pt-2 text-center text-text-2">
        {words.question}{" "}
        <Link href={words.otherHref} className="font-medium text-accent hover:underline">
          {words.other}
        </Link>
      </p>
    </form>
  );
}
