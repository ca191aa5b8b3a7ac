/**
 * Drains the server before it stops, so that no request fails: for a while it keeps serving and closes each connection
 * after its response. Load balancers notice the shutdown in that time. Then Next.js's own handler stops the server.
 */
import { subscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";

/** Drains for some seconds on SIGTERM. A second signal ends the wait. */
export function drainOnSigterm(seconds: number): void {
  const handlers = process.listeners("SIGTERM");
  let draining: NodeJS.Timeout | undefined;
  const stop = () => {
    clearTimeout(draining);
    for (const handler of handlers) handler.call(process, "SIGTERM");
  };
  process.removeAllListeners("SIGTERM");
  process.on("SIGTERM", () => {
    if (draining) stop();
    else draining = setTimeout(stop, seconds * 1000);
  });
  subscribe("http.server.request.start", (message) => {
    const { response } = message as { response: ServerResponse };
    if (draining) response.shouldKeepAlive = false;
  });
}
