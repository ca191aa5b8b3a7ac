/**
 * Stops the server so that no request fails: for a while it keeps serving and closes each connection after its
 * response. Load balancers notice the shutdown in that time. Then it finishes what it has begun, and the process ends.
 */
import type { Server } from "node:http";

/** Stops on SIGTERM after some seconds of draining, and on SIGINT at once. A second signal ends the wait. */
export function stopOnSignals(server: Server, drainSeconds: number): void {
  let draining: NodeJS.Timeout | undefined;
  let stopping = false;

  const stop = () => {
    clearTimeout(draining);
    if (stopping) process.exit(1);
    stopping = true;
    server.close(() => process.exit(0));
  };
  server.prependListener("request", (_, response) => {
    if (draining || stopping) response.shouldKeepAlive = false;
    // A response that began before the signal keeps its connection, which would delay the end.
    response.on("close", () => stopping && setImmediate(() => server.closeIdleConnections()));
  });
  process.on("SIGINT", stop);
  process.on("SIGTERM", () => {
    if (draining || drainSeconds <= 0) stop();
    else draining = setTimeout(stop, drainSeconds * 1000);
  });
}
