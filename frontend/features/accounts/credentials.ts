/** Validation of names, email addresses and passwords, and messages for the server's errors. */

export type CredentialField = "name" | "email" | "password";
/** `link` stands for the link of a password reset. */
export type CredentialErrors = Partial<Record<CredentialField | "form" | "link", string>>;

// The server's own limits.
const PASSWORD_MIN = 8;
const PASSWORD_MAX = 128;
const NAME_MAX = 200;

/** Returns why an email address cannot be right, or undefined. */
export function checkEmail(email: string): string | undefined {
  if (!email.trim()) return "Enter your email address.";
  if (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email.trim())) return undefined;
  return "Enter a valid email address, such as name@example.com.";
}

/** Returns why a password cannot be right, or undefined. */
export function checkPassword(password: string, { isNew }: { isNew: boolean }): string | undefined {
  if (!password) return isNew ? "Choose a password." : "Enter your password.";
  if (isNew && password.length < PASSWORD_MIN) return `Use at least ${PASSWORD_MIN} characters.`;
  if (isNew && password.length > PASSWORD_MAX) return `Use at most ${PASSWORD_MAX} characters.`;
  return undefined;
}

/** Validates the form before it is sent. Returns a message for each invalid field. */
export function checkCredentials(values: {
  name?: string;
  email: string;
  password: string;
}): CredentialErrors {
  const errors: CredentialErrors = {};
  if (values.name !== undefined && !values.name.trim()) errors.name = "Enter your name.";
  if (values.name !== undefined && values.name.trim().length > NAME_MAX) {
    errors.name = `Use at most ${NAME_MAX} characters.`;
  }
  const email = checkEmail(values.email);
  const password = checkPassword(values.password, { isNew: values.name !== undefined });
  return { ...errors, ...(email && { email }), ...(password && { password }) };
}

/** Returns the message for an error of the server, under the field that caused it. */
export function explainRefusal(
  error: { status: number; code?: string | undefined; message?: string | undefined },
  retryAfterSeconds: number | null,
): CredentialErrors {
  switch (error.code) {
    case "USER_ALREADY_EXISTS":
    case "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL":
      return { email: "An account with this email address already exists. Sign in instead." };
    case "INVALID_EMAIL":
      return { email: "Enter a valid email address, such as name@example.com." };
    case "INVALID_EMAIL_OR_PASSWORD":
      return { password: "The email address or the password is incorrect." };
    case "INVALID_PASSWORD":
      return { password: "The password is incorrect." };
    case "INVALID_TOKEN":
      return { link: "This link does not work." };
    case "RESET_PASSWORD_DISABLED":
      return {
        form: "This server sends no email. Ask the person who runs it for a link: they get one with invoke reset-password.",
      };
    case "SESSION_NOT_FRESH":
      return { form: "For your safety, sign in again to see and end your sessions." };
    case "PASSWORD_TOO_SHORT":
      return { password: `Use at least ${PASSWORD_MIN} characters.` };
    case "PASSWORD_COMPROMISED":
      return { password: "This password is too common. Choose another one." };
    case "PASSWORD_TOO_LONG":
      return { password: `Use at most ${PASSWORD_MAX} characters.` };
    case "INVALID_ORIGIN":
    case "MISSING_OR_NULL_ORIGIN":
      return {
        form: "The server does not accept sign-ins from this address. Its operator must set FRONTEND_URL to the address that the browser shows.",
      };
  }
  if (error.status === 429) {
    const wait = retryAfterSeconds ? `in ${retryAfterSeconds} s` : "shortly";
    return { form: `Too many attempts. Try again ${wait}.` };
  }
  if (error.status === 0) return { form: "No connection to the server. Check your network and try again." };
  return { form: error.message || "The server could not process the request. Try again shortly." };
}
