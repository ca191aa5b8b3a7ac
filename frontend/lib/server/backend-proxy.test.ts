// @vitest-environment node
import { once } from "node:events";
import http from "node:http";
import type net from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { answerApi, forwardToBackend, MAX_BODY_BYTES, sendFailure } from "./backend-proxy";
import { securityHeaders } from "./security-headers";

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

const servers: http.Server[] = [];

async function startBackend(handler: Handler): Promise<URL> {
  const server = http.createServer(handler).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return new URL(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

type Init = RequestInit & { duplex?: "half" };

/** Starts a server in front of the backend, and sends it a request. */
async function forward(backend: URL | (() => URL), path: string, init?: Init): Promise<Response> {
  const address = typeof backend === "function" ? backend : () => backend;
  const front = await startBackend((request, response) => void forwardToBackend(request, response, address));
  return fetch(new URL(path, front), { redirect: "manual", ...init });
}

/** Sends a request as it is: fetch resolves dots in paths, refuses some headers and decompresses. */
async function ask(backend: URL, path: string, options: http.RequestOptions = {}, body?: string) {
  const front = await startBackend(
    (request, response) => void forwardToBackend(request, response, () => backend),
  );
  const request = http.request(front, { path, ...options });
  if (body === undefined && options.method === "POST") request.flushHeaders();
  else request.end(body);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

async function readBody(request: http.IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

describe("forwarding a request", () => {
  it("forwards method, path, query and body", async () => {
    const backend = await startBackend(async (request, response) => {
      response.end(JSON.stringify([request.method, request.url, await readBody(request)]));
    });
    const response = await forward(backend, "/api/tasks/a%2Bb?q=%C3%A4&limit=2", {
      method: "PATCH",
      body: '{"title":"ä"}',
    });
    expect(await response.json()).toEqual(["PATCH", "/api/tasks/a%2Bb?q=%C3%A4&limit=2", '{"title":"ä"}']);
  });

  it("keeps the path prefix of the backend's address", async () => {
    const backend = await startBackend((request, response) => response.end(request.url));
    const response = await forward(new URL("/inner/", backend), "/api/tasks");
    expect(await response.text()).toBe("/inner/api/tasks");
  });

  it("drops hop-by-hop headers and forwards the others", async () => {
    const backend = await startBackend((request, response) => response.end(JSON.stringify(request.headers)));
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const response = await ask(backend, "/api/tasks", {
      headers: {
        cookie: "better-auth.session_token=abc",
        connection: "keep-alive, x-private",
        "x-private": "yes",
        te: "trailers",
        "proxy-authorization": "Basic x",
        "keep-alive": "timeout=5",
        accept: "application/json",
        traceparent,
      },
    });
    const received = JSON.parse(String(response.body)) as Record<string, string>;
    expect(received).toMatchObject({
      cookie: "better-auth.session_token=abc",
      accept: "application/json",
      traceparent,
    });
    for (const name of ["x-private", "te", "proxy-authorization", "keep-alive"])
      expect(received).not.toHaveProperty(name);
  });

  it("sends the original host and protocol to the backend", async () => {
    const backend = await startBackend((request, response) => response.end(JSON.stringify(request.headers)));
    const direct = (await (await forward(backend, "/api/tasks")).json()) as Record<string, string>;
    expect(direct).toMatchObject({
      host: backend.host,
      "x-forwarded-host": expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      "x-forwarded-proto": "http",
    });

    const headers = { "x-forwarded-host": "public.example", "x-forwarded-for": "203.0.113.9, 10.0.0.1" };
    const behindAnother = await (await forward(backend, "/api/tasks", { headers })).json();
    expect(behindAnother).toMatchObject(headers);
  });

  it("adds a request id, or keeps a valid one", async () => {
    const backend = await startBackend((request, response) => response.end(request.headers["x-request-id"]));
    const response = await forward(backend, "/api/tasks");
    const id = await response.text();
    expect(id).toMatch(/^[\w-]{36}$/);
    expect(response.headers.get("x-request-id")).toBe(id);
    const kept = await forward(backend, "/api/tasks", { headers: { "x-request-id": "trace.42" } });
    expect(await kept.text()).toBe("trace.42");
    const replaced = await forward(backend, "/api/tasks", { headers: { "x-request-id": "a b;{}" } });
    expect(await replaced.text()).toMatch(/^[\w-]{36}$/);
  });

  it.each([
    "/api/..%2fmetrics",
    "/api/%252e%252e/metrics",
    "/api/tasks/..%5c..%5cmetrics",
    "/api/x/%2e%2e%2f%2e%2e%2fmetrics",
  ])("does not let %s leave /api", async (path) => {
    const handler = vi.fn<Handler>((_, response) => void response.end());
    const backend = await startBackend(handler);
    expect((await ask(backend, path)).status).toBe(400);
    expect(handler).not.toHaveBeenCalled();
  });

  it.each([
    ["/api/tasks", true],
    ["/mcp", true],
    ["/mcp?x=1", true],
    ["/mcp/", false],
    ["/mcps", false],
    ["/metrics", false],
    ["/api/health", false],
  ])("answers %s: %s", async (path, isAnswered) => {
    const backend = await startBackend((request, response) => void response.end(request.url));
    const server = http.createServer((request, response) => {
      if (!answerApi(request, response, () => backend)) response.writeHead(404).end();
    });
    servers.push(server.listen(0, "127.0.0.1"));
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body: "{}" });
    expect([response.status, await response.text()]).toEqual(isAnswered ? [200, path] : [404, ""]);
  });

  it("does not let a resolved path leave /api", async () => {
    const backend = await startBackend((_, response) => void response.end());
    expect((await ask(backend, "/api/../metrics")).status).toBe(400);
  });

  it("rejects a body by its content-length before it is sent", async () => {
    const handler = vi.fn<Handler>((_, response) => void response.end());
    const backend = await startBackend(handler);
    const response = await ask(backend, "/api/tasks", {
      method: "POST",
      headers: { "content-length": String(MAX_BODY_BYTES + 1) },
    });
    expect(response.status).toBe(413);
    expect(JSON.parse(String(response.body))).toMatchObject({
      status: 413,
      detail: "A request body can be at most 1024 KiB.",
    });
    expect(handler).not.toHaveBeenCalled();
  });

  it("rejects a body that exceeds the limit while it streams", async () => {
    const backend = await startBackend((_, response) => void response.end());
    const chunk = new Uint8Array(64 * 1024);
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
    const response = await forward(backend, "/api/tasks", { method: "POST", body: endless, duplex: "half" });
    expect(response.status).toBe(413);
  });
});

describe("returning the response", () => {
  it("keeps each cookie in a separate header", async () => {
    const backend = await startBackend((_, response) => {
      response.setHeader("set-cookie", ["a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2; Path=/"]);
      response.end();
    });
    const response = await forward(backend, "/api/auth/sign-out", { method: "POST" });
    expect(response.headers.getSetCookie()).toEqual([
      "a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
      "b=2; Path=/",
    ]);
  });

  it("returns errors and empty responses unchanged", async () => {
    const backend = await startBackend((request, response) => {
      response.statusCode = request.url === "/api/gone" ? 204 : 422;
      response.end();
    });
    expect((await forward(backend, "/api/gone", { method: "DELETE" })).status).toBe(204);
    expect((await forward(backend, "/api/bad")).status).toBe(422);
  });

  it("returns compressed bytes unchanged", async () => {
    const bytes = gzipSync("x".repeat(5000));
    const backend = await startBackend((_, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-type": "application/json" }).end(bytes);
    });
    const response = await ask(backend, "/api/tasks", { headers: { "accept-encoding": "gzip" } });
    expect(response.headers["content-encoding"]).toBe("gzip");
    expect(response.body).toEqual(bytes);
  });

  it.each([
    ["gzip, br", "gzip"],
    ["gzip;q=0, br", undefined],
    [undefined, undefined],
  ])("compresses JSON for a client that accepts %s as %s", async (accepted, encoding) => {
    const text = JSON.stringify({ items: Array.from({ length: 200 }, () => "a task") });
    const backend = await startBackend((_, response) => {
      response
        .writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
        .end(text);
    });
    const headers = accepted === undefined ? {} : { "accept-encoding": accepted };
    const response = await ask(backend, "/api/tasks", { headers });
    expect(response.headers["content-encoding"]).toBe(encoding);
    expect(String(encoding ? gunzipSync(response.body) : response.body)).toBe(text);
  });

  it("has the security headers of every page", async () => {
    const backend = await startBackend((_, response) => void response.end());
    const { headers } = await ask(backend, "/api/tasks");
    for (const { key, value } of securityHeaders) expect(headers[key.toLowerCase()]).toBe(value);
  });

  it("keeps a redirect on this site and hides the backend", async () => {
    const backend = await startBackend((request, response) => {
      response
        .writeHead(307, { location: `http://${request.headers.host}/api/tasks?x=1`, server: "uvicorn" })
        .end();
    });
    const response = await forward(backend, "/api/tasks/");
    expect(response.status).toBe(307);
    expect(response.headers.get("location")).toBe("/api/tasks?x=1");
    expect(JSON.stringify([...response.headers])).not.toContain(backend.port);
    expect(response.headers.has("server")).toBe(false);
  });

  it("streams events at once and forbids buffering", async () => {
    let sendRest!: () => void;
    const backend = await startBackend((_, response) => {
      response.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
      });
      response.write("data: first\n\n");
      sendRest = () => response.end("data: last\n\n");
    });
    const response = await forward(backend, "/api/chat", { method: "POST", body: "{}" });
    expect(response.headers.get("cache-control")).toContain("no-transform");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    // The backend waits for this: a proxy that buffers the response never gets here.
    expect((await reader.read()).value).toBe("data: first\n\n");
    sendRest();
    expect((await reader.read()).value).toBe("data: last\n\n");
    expect((await reader.read()).done).toBe(true);
  });

  it("fails when the backend closes the connection early", async () => {
    const backend = await startBackend((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: first\n\n", () => response.destroy());
    });
    const response = await forward(backend, "/api/chat");
    await expect(response.text()).rejects.toThrow();
  });
});

it("results in a 502 when a response that is compressed ends early", async () => {
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const backend = await startBackend((_, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": 5000 });
    response.write("{", () => response.destroy());
  });
  const response = await ask(backend, "/api/tasks", { headers: { "accept-encoding": "gzip" } });
  expect(response.status).toBe(502);
  expect(JSON.parse(String(response.body))).toMatchObject({ code: "backend_unreachable" });
});

describe("a client that disconnects", () => {
  it("aborts the pending request to the backend", async () => {
    const client = new AbortController();
    const requests: http.IncomingMessage[] = [];
    const backend = await startBackend((request) => {
      requests.push(request);
      client.abort();
    });
    await expect(forward(backend, "/api/tasks", { signal: client.signal })).rejects.toThrow("aborted");
    await vi.waitFor(() => expect(requests[0]?.socket.destroyed).toBe(true));
  });

  it("aborts the request to the backend during the response", async () => {
    const answers: http.ServerResponse[] = [];
    const backend = await startBackend((_, response) => {
      answers.push(response);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: first\n\n");
    });
    const response = await forward(backend, "/api/chat");
    expect(answers[0]?.destroyed).toBe(false);
    await response.body!.cancel();
    await vi.waitFor(() => expect(answers[0]?.destroyed).toBe(true));
  });
});

describe("a backend that does not respond", () => {
  it("results in a 502 with a clear message and without its address", async () => {
    const backend = await startBackend(() => undefined);
    servers.pop()!.close();
    const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const withPassword = new URL(backend);
    withPassword.username = "user";
    withPassword.password = "password";
    const response = await forward(withPassword, "/api/tasks");
    expect(response.status).toBe(502);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      status: 502,
      detail: "The to-do service is not responding. Try again shortly.",
      message: "The to-do service is not responding. Try again shortly.",
    });
    expect(text).not.toContain(backend.port);
    expect(JSON.parse(String(written.mock.lastCall![0]))).toMatchObject({
      address: `${backend.origin} (API_URL)`,
      cause: "ECONNREFUSED",
    });
  });

  it("results in a 502 when its address is invalid", async () => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const response = await forward(() => {
      throw new TypeError("API_URL is not an http or https address");
    }, "/api/tasks");
    expect(response.status).toBe(502);
  });
});

it("never answers a failure of its own with a bare 500", async () => {
  const log = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const front = await startBackend((request, response) => {
    response.setHeader("content-type", "text/html");
    sendFailure(request, response, new TypeError("broken"));
  });
  const response = await fetch(front, { headers: { "x-request-id": "r-1" } });
  expect(response.status).toBe(500);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(await response.json()).toMatchObject({ code: "internal_error", request_id: "r-1" });
  expect(log.mock.calls.join()).toContain("broken");
});
