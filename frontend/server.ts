/**
 * The production server. It sends the built pages from memory, answers health checks and forwards /api to the backend.
 *
 * Next.js's own server takes a second of processor time to start and twice the memory, so it starts only when a request
 * needs it: a route that is computed per request, a redirect or a rewrite.
 */
import http from "node:http";
import { answerApi, sendFailure } from "./lib/server/backend-proxy.ts";
import { trackClientAddresses } from "./lib/server/client-address.ts";
import { stopOnSignals } from "./lib/server/draining.ts";
import { backendAddress } from "./lib/server/environment.ts";
import { health } from "./lib/server/health.ts";
import { NextRoutes } from "./lib/server/next-routes.ts";
import { securityHeaders } from "./lib/server/security-headers.ts";
import { Site } from "./lib/server/site.ts";

const HEALTH_PATHS = ["/health", "/api/health"];
/** Slow clients: a whole request arrives within these times. The largest one has a megabyte. */
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 60_000;
const CHECKING_INTERVAL_MS = 5_000;

Object.assign(process.env, { NODE_ENV: "production" });
const hostname = process.env.HOSTNAME || "0.0.0.0";
const port = Number(process.env.PORT || 3000);
const site = new Site(import.meta.dirname);
const nextRoutes = new NextRoutes(import.meta.dirname);

async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  if (answerApi(request, response, backendAddress)) return;
  const pathname = (request.url ?? "/").split("?", 1)[0]!;
  if (HEALTH_PATHS.includes(pathname.replace(/\/$/, ""))) await sendHealth(request, response);
  else if (!site.has(pathname) && nextRoutes.has(pathname)) await nextRoutes.answer(request, response);
  else await site.send(request, response, pathname);
}

async function sendHealth(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  for (const { key, value } of securityHeaders) response.setHeader(key, value);
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD", "content-length": 0 }).end();
    return;
  }
  const result = health();
  const body = await result.text();
  response.setHeaders(result.headers);
  response.writeHead(result.status, { "content-length": Buffer.byteLength(body) });
  response.end(request.method === "HEAD" ? undefined : body);
}

trackClientAddresses({ behindProxy: process.env.BEHIND_PROXY !== "no" });
const server = http.createServer({
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  connectionsCheckingInterval: CHECKING_INTERVAL_MS,
  // Browsers and proxies may offer HTTP/2 or WebSockets: without one here, a request is answered as usual.
  shouldUpgradeCallback: () => false,
});
server.on("request", (request, response) => {
  answer(request, response).catch((error: unknown) => sendFailure(request, response, error));
});
server.on("error", (error: NodeJS.ErrnoException) => {
  const cause = error.code === "EADDRINUSE" ? `port ${port} is taken` : error.message;
  process.stderr.write(`The frontend cannot start: ${cause}.\n`);
  process.exit(1);
});
server.listen(port, hostname, () => process.stdout.write(`Listening on ${hostname}:${port}\n`));
stopOnSignals(server, Number(process.env.DRAIN_SECONDS) || 0);
