/**
 * Answers /api in front of Next.js: forwards each request to the backend and streams the response back.
 *
 * Next.js's router would cost four times as much processor time for each request. Bytes pass through unchanged, except
 * that JSON is compressed for clients that accept it.
 */
import { randomUUID } from "node:crypto";
import http from "node:http";
import https from "node:https";
import type { TLSSocket } from "node:tls";
import { pipeline } from "node:stream";
import { gzipSync } from "node:zlib";
import { acceptsEncoding } from "./encodings.ts";
import { securityHeaders } from "./security-headers.ts";

type Incoming = http.IncomingMessage;
type Answer = http.ServerResponse;

/** The limit of a request body. The longest message or task is far below it. */
export const MAX_BODY_BYTES = 1024 * 1024;

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

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
/** The sizes of responses that are compressed: smaller ones gain nothing, larger ones would block other requests. */
const COMPRESSED_BYTES = { least: 1024, most: 1024 * 1024 };

// Close idle connections before uvicorn does (5 s), so that no request uses a closing connection.
const agentOptions = { keepAlive: true, timeout: 4_000 };
const httpAgent = new http.Agent(agentOptions);
const httpsAgent = new https.Agent(agentOptions);

/**
 * Answers a request that the backend serves: every path below /api, except this server's own health. Rejects methods
 * that nothing serves. Returns whether it answers.
 *
 * @param readBackendAddress returns the backend's address, or throws if it is invalid.
 */
export function answerApi(request: Incoming, response: Answer, readBackendAddress: () => URL): boolean {
  if (!METHODS.has(request.method ?? "")) {
    response.setHeader("allow", [...METHODS].join(", "));
    const detail = "This method is not supported.";
    sendProblem(response, 405, "Method not allowed", detail, "method_not_allowed", requestIdOf(request));
    return true;
  }
  if (!belongsToBackend(request.url ?? "")) return false;
  void forwardToBackend(request, response, readBackendAddress);
  return true;
}

/**
 * Answers with the backend's response, or with problem details (RFC 9457): 400 for a path outside the API, 413 for a body
 * above MAX_BODY_BYTES, 502 for a backend that does not respond. When the client disconnects, so does this server.
 */
export async function forwardToBackend(
  request: Incoming,
  response: Answer,
  readBackendAddress: () => URL,
): Promise<void> {
  const requestId = requestIdOf(request);
  const path = request.url ?? "";
  if (!belongsToApi(path.split("?", 1)[0]!)) {
    sendProblem(response, 400, "Bad request", "This path is not part of the API.", "bad_path", requestId);
    return;
  }
  let backend: URL | undefined;
  try {
    backend = readBackendAddress();
    const body = await readBody(request);
    if (body === "too large") {
      const detail = `A request body can be at most ${MAX_BODY_BYTES / 1024} KiB.`;
      // The rest of the body is not read.
      response.shouldKeepAlive = false;
      sendProblem(response, 413, "Content too large", detail, "too_large", requestId);
      return;
    }
    const upstream = await send(request, response, backend, path, body, requestId);
    await returnResponse(request, response, upstream, backend, requestId);
  } catch (error) {
    if (response.destroyed || response.headersSent) return;
    const address = backend && `${backend.origin} (API_URL)`;
    report("backend did not answer", error, requestId, address);
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    const detail = "The to-do service is not responding. Try again shortly.";
    sendProblem(response, 502, "Bad gateway", detail, "backend_unreachable", requestId);
  }
}

/** Answers a request that this server failed to answer, and logs the cause. */
export function sendFailure(request: Incoming, response: Answer, error: unknown): void {
  const requestId = requestIdOf(request);
  report("a request failed", error, requestId);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const detail = "Something went wrong. Try again shortly.";
  sendProblem(response, 500, "Internal server error", detail, "internal_error", requestId);
}

function belongsToBackend(path: string): boolean {
  return /^\/(api\/|mcp(\?|$))/.test(path) && !/^\/api\/health\/?(\?|$)/.test(path);
}

/** Returns whether a path is /mcp or stays below /api/, even if it is decoded several times. */
function belongsToApi(pathname: string): boolean {
  let decoded = pathname;
  for (let round = 0; round < 3; round++) {
    if (decoded.split(/[/\\]/).some((segment) => segment === ".." || segment === ".")) return false;
    try {
      decoded = decodeURIComponent(decoded);
    } catch {
      break;
    }
  }
  return pathname.startsWith("/api/") || pathname === "/mcp";
}

/** Returns the body; undefined if there is none. Throws if the client disconnects. */
async function readBody(request: Incoming): Promise<Buffer | "too large" | undefined> {
  const length = Number(request.headers["content-length"] ?? 0);
  if (!length && !request.headers["transfer-encoding"]) return undefined;
  if (length > MAX_BODY_BYTES) return "too large";
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    // A length may be absent, so count the received bytes.
    request.on("data", (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > MAX_BODY_BYTES) {
        request.pause();
        resolve("too large");
      } else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("close", () => reject(new Error("the client disconnected")));
    request.on("error", reject);
  });
}

function send(
  request: Incoming,
  response: Answer,
  backend: URL,
  path: string,
  body: Buffer | undefined,
  requestId: string,
): Promise<Incoming> {
  return new Promise((resolve, reject) => {
    const secure = backend.protocol === "https:";
    const outgoing = (secure ? https : http).request(backend, {
      path: backend.pathname.replace(/\/+$/, "") + path,
      method: request.method,
      headers: forwardedHeaders(request, body, requestId),
      agent: secure ? httpsAgent : httpAgent,
    });
    response.on("close", () => {
      if (!response.writableFinished) outgoing.destroy();
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

function forwardedHeaders(request: Incoming, body: Buffer | undefined, requestId: string) {
  const dropped = connectionTokens(request.headers.connection);
  const headers: http.OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (!NOT_FORWARDED.has(name) && !dropped.includes(name)) headers[name] = value;
  }
  headers["x-forwarded-host"] ??= request.headers.host;
  headers["x-forwarded-proto"] ??= (request.socket as TLSSocket).encrypted ? "https" : "http";
  headers["x-request-id"] = requestId;
  if (body) headers["content-length"] = body.byteLength;
  return headers;
}

async function returnResponse(
  request: Incoming,
  response: Answer,
  upstream: Incoming,
  backend: URL,
  requestId: string,
): Promise<void> {
  const dropped = connectionTokens(upstream.headers.connection);
  for (const { key, value } of securityHeaders) response.setHeader(key, value);
  response.setHeader("x-request-id", requestId);
  for (const [name, value] of Object.entries(upstream.headers)) {
    if (value === undefined || NOT_RETURNED.has(name) || dropped.includes(name)) continue;
    response.setHeader(name, name === "location" ? ownLocation(String(value), backend) : value);
  }
  if (upstream.headers["content-type"]?.startsWith("text/event-stream")) {
    // Proxies would compress or buffer the events, and delay them.
    response.setHeader("cache-control", "no-cache, no-transform");
    response.setHeader("x-accel-buffering", "no");
  }
  if (isCompressible(request, upstream)) {
    const body = gzipSync(await readAll(upstream), { level: 1 });
    response.setHeader("content-encoding", "gzip");
    response.setHeader("content-length", body.byteLength);
    response.appendHeader("vary", "accept-encoding");
    response.writeHead(upstream.statusCode ?? 502).end(body);
    return;
  }
  response.writeHead(upstream.statusCode ?? 502);
  // The first event may come much later than the headers.
  response.flushHeaders();
  // After a failure both ends are closed, which is what the client sees.
  pipeline(upstream, response, () => undefined);
}

async function readAll(upstream: Incoming): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of upstream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Returns whether a response is worth compressing at once: a stream per response needs much more memory. */
function isCompressible(request: Incoming, upstream: Incoming): boolean {
  const bytes = Number(upstream.headers["content-length"] ?? 0);
  return (
    request.method !== "HEAD" &&
    bytes >= COMPRESSED_BYTES.least &&
    bytes <= COMPRESSED_BYTES.most &&
    !upstream.headers["content-encoding"] &&
    acceptsEncoding(String(request.headers["accept-encoding"] ?? ""), "gzip") &&
    /^(text\/|application\/(.+\+)?json)/.test(upstream.headers["content-type"] ?? "")
  );
}

function connectionTokens(connection: string | undefined): string[] {
  return connection ? connection.toLowerCase().split(/\s*,\s*/) : [];
}

/** Rewrites a redirect within the backend to one within this site, without the backend's address. */
function ownLocation(location: string, backend: URL): string {
  const target = URL.parse(location);
  if (target?.host !== backend.host) return location;
  const prefix = backend.pathname.replace(/\/+$/, "");
  return target.pathname.slice(target.pathname.startsWith(prefix) ? prefix.length : 0) + target.search;
}

/** Returns the client's request id if it is valid, or a new one. */
function requestIdOf(request: Incoming): string {
  const value = request.headers["x-request-id"];
  return typeof value === "string" && /^[\w.-]{1,128}$/.test(value) ? value : randomUUID();
}

/** Sends problem details that Better Auth's client also understands (`message`, `code`). */
function sendProblem(
  response: Answer,
  status: number,
  title: string,
  detail: string,
  code: string,
  requestId: string,
): void {
  const body = { type: "about:blank", title, status, detail, code, message: detail, request_id: requestId };
  for (const { key, value } of securityHeaders) response.setHeader(key, value);
  response.writeHead(status, {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "x-request-id": requestId,
  });
  response.end(JSON.stringify(body));
}

/** Logs the cause in one line. An address must not contain a password. */
function report(event: string, error: unknown, requestId: string, address?: string): void {
  const cause =
    error instanceof TypeError ? error.message : ((error as NodeJS.ErrnoException).code ?? "failed");
  const line = { level: "error", event, address, cause, request_id: requestId };
  process.stderr.write(`${JSON.stringify(line)}\n`);
}
