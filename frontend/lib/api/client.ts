/** Calls the same-origin API with JSON. Every failure is an ApiError. */
import { reportSignedOut } from "../signed-out";

/** A failed call. The message is meant for the user. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  /**
   * @param status the HTTP status, or 0 without a response.
   * @param fields the error of each invalid field.
   * @param problem the problem details of the response.
   */
  constructor(
    message: string,
    readonly status: number,
    readonly fields: Readonly<Record<string, string>> = {},
    readonly problem: unknown = null,
  ) {
    super(message);
  }

  /** The stable name of the problem, if the server gave one. */
  get code(): string | null {
    const { code } = (this.problem ?? {}) as { code?: unknown };
    return typeof code === "string" ? code : null;
  }

  /** Whether a retry of the same call may succeed. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

type RequestOptions = {
  method?: string;
  body?: unknown;
  /** A body that is sent as it is; `headers` names its type. */
  content?: Blob;
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
};

/**
 * Calls the API and returns its JSON, or undefined for a response without content.
 * @throws ApiError for every failure except an abort, which is thrown unchanged.
 */
export async function callApi<Result>(path: string, options: RequestOptions = {}): Promise<Result> {
  const response = await openApi(path, options);
  if (response.status === 204) return undefined as Result;
  try {
    return (await response.json()) as Result;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError("The server returned an unreadable response. Try again.", response.status);
  }
}

/** Calls the API and returns the successful response with an unread body. Throws like callApi. */
export async function openApi(path: string, options: RequestOptions = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: options.method ?? "GET",
      cache: "no-store",
      ...(options.signal && { signal: options.signal }),
      ...(options.headers && { headers: options.headers }),
      ...(options.content && { body: options.content }),
      ...(options.body !== undefined && {
        body: JSON.stringify(options.body),
        headers: { "content-type": "application/json", ...options.headers },
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
    return new ApiError("You are signed out. Sign in to continue.", 401);
  }
  const problem: unknown = await response.json().catch(() => null);
  const { detail, errors } = (typeof problem === "object" && problem !== null ? problem : {}) as {
    detail?: unknown;
    errors?: unknown;
  };
  const message = typeof detail === "string" ? detail : `The server returned an error (${response.status}).`;
  return new ApiError(message, response.status, fieldErrors(errors), problem);
}

function fieldErrors(errors: unknown): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const error of Array.isArray(errors) ? errors : []) {
    const { field, message } = error as { field?: unknown; message?: unknown };
    if (typeof field === "string" && typeof message === "string") fields[field] ??= message;
  }
  return fields;
}

/** Returns the message of a caught error for the user. */
export function errorMessage(error: unknown): string {
  return error instanceof ApiError ? error.message : "Something went wrong on this page. Try again.";
}
