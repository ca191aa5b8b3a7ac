/** Calls to the same-origin API: JSON in and out, and every failure as one kind of error. */
import { reportSignedOut } from "../signed-out";

/** A call that failed. The message is written for the person who reads it. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  /**
   * @param status the HTTP status, or 0 when no answer arrived.
   * @param fields what is wrong with which field, for a refused form.
   */
  constructor(
    message: string,
    readonly status: number,
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }

  /** Whether the same call may succeed later without a change. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

type RequestOptions = { method?: string; body?: unknown; signal?: AbortSignal | undefined };

/**
 * Calls the API and returns its JSON, or undefined for an answer without content.
 * @throws ApiError for every failure except an abort, which passes as it is.
 */
export async function callApi<Result>(path: string, options: RequestOptions = {}): Promise<Result> {
  const response = await openApi(path, options);
  if (response.status === 204) return undefined as Result;
  try {
    return (await response.json()) as Result;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError("The server's answer could not be read. Try again.", response.status);
  }
}

/** Calls the API and returns the successful response, whose body is still to be read; throws as callApi does. */
export async function openApi(path: string, options: RequestOptions = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: options.method ?? "GET",
      cache: "no-store",
      ...(options.signal && { signal: options.signal }),
      ...(options.body !== undefined && {
        body: JSON.stringify(options.body),
        headers: { "content-type": "application/json" },
      }),
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError("No connection to the server. Check your network and try again.", 0);
  }
  if (!response.ok) throw await readError(response);
  return response;
}

async function readError(response: Response): Promise<ApiError> {
  if (response.status === 401) {
    reportSignedOut();
    return new ApiError("You are signed out. Sign in to go on.", 401);
  }
  const problem: unknown = await response.json().catch(() => null);
  const { detail, errors } = (typeof problem === "object" && problem !== null ? problem : {}) as {
    detail?: unknown;
    errors?: unknown;
  };
  const message =
    typeof detail === "string" ? detail : `The server answered with an error (${response.status}).`;
  return new ApiError(message, response.status, fieldErrors(errors));
}

function fieldErrors(errors: unknown): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const error of Array.isArray(errors) ? errors : []) {
    const { field, message } = error as { field?: unknown; message?: unknown };
    if (typeof field === "string" && typeof message === "string") fields[field] ??= message;
  }
  return fields;
}

/** Returns what to tell the person about a caught error. */
export function errorMessage(error: unknown): string {
  return error instanceof ApiError ? error.message : "Something went wrong on this page. Try again.";
}
