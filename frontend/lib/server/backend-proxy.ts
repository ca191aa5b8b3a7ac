/**
 * Forwards a request to the backend and streams the response back.
 *
 * Uses node:http instead of fetch: it passes bytes unchanged (fetch decompresses them), keeps each Set-Cookie as a
 * separate header, and needs about half the processor time.
 */
import { randomUUID } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { Readable } from "node:stream";

/** The limit of a request body. The longest message or task is far below it. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Headers of a single connection (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const NOT_FORWARDED = new Set([...HOP_BY_HOP, "host", "content-length", "expect"]);
const NOT_RETURNED = new Set([...HOP_BY_HOP, "server", "x-powered-by"]);
const STATUS_WITHOUT_BODY = new Set([204, 205, 304]);

// Close idle connections before uvicorn does (5 s), so that no request uses a closing connection.
const agentOptions = { keepAlive: true, timeout: 4_000 };
const httpAgent = new http.Agent(agentOptions);
const httpsAgent = new https.Agent(agentOptions);

/**
 * Returns the backend's response, or problem details (RFC 9457): 400 for a path outside /api, 413 for a body above
 * MAX_BODY_BYTES, 502 for a backend that does not respond.
 *
 * @param request the request as this server received it; when its signal aborts, so does the forwarded one.
 * @param readBackendAddress returns the backend's address, or throws if it is invalid.
 */
export async function forwardToBackend(request: Request, readBackendAddress: () => URL): Promise<Response> {
  const requestId = validRequestId(request.headers.get("x-request-id")) ?? randomUUID();

  const { pathname, search } = new URL(request.url);
  if (!staysBelowApi(pathname)) {
    return problem(400, "Bad request", "This path is not part of the API.", "bad_path", requestId);
  }

  let upstream: http.IncomingMessage;
  let backend: URL;
  try {
    backend = readBackendAddress();
    const body = await readBody(request);
    if (body === "too large") {
      const limit = `${MAX_BODY_BYTES / 1024} KiB`;
      return problem(
        413,
        "Content too large",
        `A request body can be at most ${limit}.`,
        "too_large",
        requestId,
      );
    }
    upstream = await send(request, new URL(joinPath(backend, pathname) + search, backend), body, requestId);
  } catch (error) {
    if (request.signal.aborted) return new Response(null, { status: 499 });
    report(error, requestId);
    const detail = "The to-do service is not responding. Try again shortly.";
    return problem(502, "Bad gateway", detail, "backend_unreachable", requestId);
  }

  const status = upstream.statusCode ?? 502;
  const headers = returnedHeaders(upstream, backend, requestId);
  if (request.method === "HEAD" || STATUS_WITHOUT_BODY.has(status)) {
    upstream.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(upstream) as ReadableStream<Uint8Array>, { status, headers });
}

/** Returns whether a path stays below /api/, even if it is decoded several times. */
function staysBelowApi(pathname: string): boolean {
  let decoded = pathname;
  for (let round = 0; round < 3; round++) {
    if (decoded.split(/[/\\]/).some((segment) => segment === ".." || segment === ".")) return false;
    try {
      decoded = decodeURIComponent(decoded);
    } catch {
      break;
    }
  }
  return pathname.startsWith("/api/");
}

function joinPath(backend: URL, pathname: string): string {
  return backend.pathname.replace(/\/+$/, "") + pathname;
}

async function readBody(request: Request): Promise<Buffer | "too large" | undefined> {
  if (!request.body) return undefined;
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) return "too large";
  const chunks: Uint8Array[] = [];
  let size = 0;
  // The header may be absent or wrong, so count the received bytes.
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) return "too large";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(request: Request, target: URL, body: Buffer | undefined, requestId: string) {
  return new Promise<http.IncomingMessage>((resolve, reject) => {
    const secure = target.protocol === "https:";
    const outgoing = (secure ? https : http).request(target, {
      method: request.method,
      headers: forwardedHeaders(request, body, requestId),
      signal: request.signal,
      agent: secure ? httpsAgent : httpAgent,
    });
    // Only connecting times out: a response may take long or stream.
    outgoing.on("timeout", () => {
      if (outgoing.socket?.connecting) outgoing.destroy(new Error("the connection timed out"));
    });
    outgoing.on("error", reject);
    outgoing.on("response", resolve);
    outgoing.end(body);
  });
}

function forwardedHeaders(request: Request, body: Buffer | undefined, requestId: string) {
  const dropped = new Set([...NOT_FORWARDED, ...connectionTokens(request.headers.get("connection"))]);
  const headers: Record<string, string | number> = {};
  for (const [name, value] of request.headers) {
    if (!dropped.has(name)) headers[name] = value;
  }
  const { host, protocol } = new URL(request.url);
  headers["x-forwarded-host"] ??= request.headers.get("host") ?? host;
  headers["x-forwarded-proto"] ??= protocol.slice(0, -1);
  headers["x-request-id"] = requestId;
  if (body) headers["content-length"] = body.byteLength;
  return headers;
}

function returnedHeaders(upstream: http.IncomingMessage, backend: URL, requestId: string): Headers {
  const dropped = new Set([...NOT_RETURNED, ...connectionTokens(upstream.headers.connection)]);
  const headers = new Headers();
  for (let index = 0; index + 1 < upstream.rawHeaders.length; index += 2) {
    const name = upstream.rawHeaders[index]!.toLowerCase();
    const value = upstream.rawHeaders[index + 1]!;
    if (!dropped.has(name)) headers.append(name, name === "location" ? ownLocation(value, backend) : value);
  }
  if (!headers.has("x-request-id")) headers.set("x-request-id", requestId);
  if (headers.get("content-type")?.startsWith("text/event-stream")) {
    // Prevent compression (by Next.js) and buffering (by proxies), which would delay the events.
    headers.set("cache-control", "no-cache, no-transform");
    headers.set("x-accel-buffering", "no");
  }
  return headers;
}

function connectionTokens(connection: string | null | undefined): string[] {
  return (connection ?? "").toLowerCase().split(/\s*,\s*/);
}

/** Rewrites a redirect within the backend to one within this site, without the backend's address. */
function ownLocation(location: string, backend: URL): string {
  const target = URL.parse(location);
  if (target?.host !== backend.host) return location;
  const prefix = backend.pathname.replace(/\/+$/, "");
  return target.pathname.slice(target.pathname.startsWith(prefix) ? prefix.length : 0) + target.search;
}

function validRequestId(value: string | null): string | undefined {
  return value && /^[\w.-]{1,128}$/.test(value) ? value : undefined;
}

/** Returns problem details that Better Auth's client also understands (`message`, `code`). */
function problem(status: number, title: string, detail: string, code: string, requestId: string): Response {
  const body = { type: "about:blank", title, status, detail, code, message: detail, request_id: requestId };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "x-request-id": requestId,
    },
  });
}

/** Logs the cause in one line, without the address, which may contain a password. */
function report(error: unknown, requestId: string): void {
  const cause =
    error instanceof TypeError ? error.message : ((error as NodeJS.ErrnoException).code ?? "failed");
  process.stderr.write(
    `${JSON.stringify({ level: "error", event: "backend did not answer", cause, request_id: requestId })}\n`,
  );
}
