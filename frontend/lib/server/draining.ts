/**
 * Stops the server without a failed request: told to stop, it goes on serving for a while, and every answer
 * closes its connection. Whoever sends requests here learns of the end in that time and none meets a
 * connection that is just being closed. Only then Next's own handler does what it always does.
 */
import { subscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";

/** Does so on SIGTERM, for so many seconds; a second signal ends the wait. */
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
