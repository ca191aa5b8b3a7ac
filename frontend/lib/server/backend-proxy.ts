/**
 * Forwards a request to the backend and streams its answer back.
 *
 * Written on node:http instead of fetch: bytes pass as they are (no decompression behind our back), every
 * Set-Cookie stays a header of its own, and it costs about half the processor time.
 */
import { randomUUID } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { Readable } from "node:stream";

/** The largest request body that is passed on, in bytes. The longest message or task is far below it. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Meant for one connection only (RFC 9110, 7.6.1), or naming what stands behind this server. */
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

// Idle connections close before uvicorn closes them (5 s), so that no request meets a closing one.
const agentOptions = { keepAlive: true, timeout: 4_000 };
const httpAgent = new http.Agent(agentOptions);
const httpsAgent = new https.Agent(agentOptions);

/**
 * Returns the backend's answer to a request, or a problem (RFC 9457) where there is none: 400 for a path
 * that leaves /api, 413 for a body beyond MAX_BODY_BYTES, 502 for a backend that does not answer.
 *
 * @param request the request as this server received it; when its signal aborts, so does the forwarded one.
 * @param readBackendAddress returns the backend's address, or throws where it is not usable.
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
        `A request may hold ${limit} at most.`,
        "too_large",
        requestId,
      );
    }
    upstream = await send(request, new URL(joinPath(backend, pathname) + search, backend), body, requestId);
  } catch (error) {
    if (request.signal.aborted) return new Response(null, { status: 499 });
    report(error, requestId);
    const detail = "The to-do service does not answer at the moment. Nothing was lost; try again shortly.";
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

/** Says whether a path stays below /api/ however often it is decoded on its way. */
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
  // The length may be absent or a lie, so what arrives is counted.
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
    // Only a connection that cannot be made times out: an answer may rightly take long, or stream.
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
    // Whatever compresses or buffers on the way (Next does the former) would hold back the events.
    headers.set("cache-control", "no-cache, no-transform");
    headers.set("x-accel-buffering", "no");
  }
  return headers;
}

function connectionTokens(connection: string | null | undefined): string[] {
  return (connection ?? "").toLowerCase().split(/\s*,\s*/);
}

/** A redirect within the backend stays one within this site, and does not name the backend's address. */
function ownLocation(location: string, backend: URL): string {
  const target = URL.parse(location);
  if (target?.host !== backend.host) return location;
  const prefix = backend.pathname.replace(/\/+$/, "");
  return target.pathname.slice(target.pathname.startsWith(prefix) ? prefix.length : 0) + target.search;
}

function validRequestId(value: string | null): string | undefined {
  return value && /^[\w.-]{1,128}$/.test(value) ? value : undefined;
}

/** The same object is a problem for our own pages and an error (`message`, `code`) for Better Auth's client. */
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

/** Writes the cause where an operator looks: one line, without the address, which may hold a password. */
function report(error: unknown, requestId: string): void {
  const cause =
    error instanceof TypeError ? error.message : ((error as NodeJS.ErrnoException).code ?? "failed");
  process.stderr.write(
    `${JSON.stringify({ level: "error", event: "backend did not answer", cause, request_id: requestId })}\n`,
  );
}
