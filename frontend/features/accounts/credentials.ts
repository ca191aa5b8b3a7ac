/** What is asked of a name, an address and a password, and how a refusal is told. */

export type CredentialField = "name" | "email" | "password";
export type CredentialErrors = Partial<Record<CredentialField | "form", string>>;

// The server's own limits.
const PASSWORD_MIN = 8;
const PASSWORD_MAX = 128;
const NAME_MAX = 200;

/** Returns what is wrong before anything is sent; nothing where all is well. */
export function checkCredentials(values: {
  name?: string;
  email: string;
  password: string;
}): CredentialErrors {
  const errors: CredentialErrors = {};
  if (values.name !== undefined && !values.name.trim()) errors.name = "Enter the name you want to see here.";
  if (values.name !== undefined && values.name.trim().length > NAME_MAX) {
    errors.name = `Use at most ${NAME_MAX} characters.`;
  }
  if (!values.email.trim()) errors.email = "Enter your email address.";
  else if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(values.email.trim())) {
    errors.email = "This is not an email address, such as name@example.com.";
  }
  const isNew = values.name !== undefined;
  if (!values.password) errors.password = isNew ? "Choose a password." : "Enter your password.";
  else if (isNew && values.password.length < PASSWORD_MIN) {
    errors.password = `Use at least ${PASSWORD_MIN} characters.`;
  } else if (isNew && values.password.length > PASSWORD_MAX) {
    errors.password = `Use at most ${PASSWORD_MAX} characters.`;
  }
  return errors;
}

/** Turns the server's refusal into a message beside the field it is about. */
export function explainRefusal(
  error: { status: number; code?: string | undefined; message?: string | undefined },
  retryAfterSeconds: number | null,
): CredentialErrors {
  switch (error.code) {
    case "USER_ALREADY_EXISTS":
    case "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL":
      return { email: "There is an account with this address already. Sign in instead." };
    case "INVALID_EMAIL":
      return { email: "This is not an email address, such as name@example.com." };
    case "INVALID_EMAIL_OR_PASSWORD":
      return { password: "Email address and password do not match." };
    case "PASSWORD_TOO_SHORT":
      return { password: `Use at least ${PASSWORD_MIN} characters.` };
    case "PASSWORD_TOO_LONG":
      return { password: `Use at most ${PASSWORD_MAX} characters.` };
    case "INVALID_ORIGIN":
    case "MISSING_OR_NULL_ORIGIN":
      return {
        form: "The server takes no sign-ins from this address. Whoever runs it sets FRONTEND_URL to what stands in the address bar.",
      };
  }
  if (error.status === 429) {
    const wait = retryAfterSeconds ? `in ${retryAfterSeconds} s` : "shortly";
    return { form: `Too many tries in a row. Try again ${wait}.` };
  }
  if (error.status === 0) return { form: "No connection to the server. Check your network and try again." };
  return { form: error.message || "The server could not do this at the moment. Try again shortly." };
}
