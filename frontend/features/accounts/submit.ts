import { type CredentialErrors, explainRefusal } from "./credentials";

type Options = { onError: (context: { response?: Response }) => void };
type Answer = { error: { status: number; code?: string; message?: string } | null };

/** Makes a call of Better Auth's client. Returns a message for each invalid field, or null on success. */
export async function submit(call: (options: Options) => Promise<Answer>): Promise<CredentialErrors | null> {
  let retryAfter: number | null = null;
  const onError: Options["onError"] = ({ response }) => {
    retryAfter = Number(response?.headers.get("x-retry-after")) || null;
  };
  try {
    const { error } = await call({ onError });
    return error && explainRefusal(error, retryAfter);
  } catch {
    return explainRefusal({ status: 0 }, null);
  }
}
