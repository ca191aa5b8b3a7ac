/**
 * Stops the server so that no request fails: for a while it keeps serving and closes each connection after its
 * response. Load balancers notice the shutdown in that time. Then it finishes what it has begun, and the process ends.
 *
 * Connections without a whole request, which browsers open in advance, are closed soon after, because Node.js waits for
 * their first request as long as for any. A request whose body does not arrive is ended before a container's 10 seconds.
 *
 * Live updates have no end: their streams are closed at once, and the pages open new ones elsewhere.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

const ENDLESS = "/api/events";
/** The time for a request to arrive whole on a connection that was open at the end. */
const ARRIVAL_MS = 1_000;
const BODY_MS = 5_000;

/** Stops on SIGTERM after some seconds of draining, and on SIGINT at once. A second signal ends the wait. */
export function stopOnSignals(server: Server, drainSeconds: number, bodyMs = BODY_MS): void {
  let draining: NodeJS.Timeout | undefined;
  let stopping = false;
  const endless = new Set<ServerResponse>();
  const answering = new Map<Socket, Set<IncomingMessage>>();
  const closeUnused = () => answering.forEach((requests, socket) => requests.size === 0 && socket.destroy());
  const closeIncomplete = () =>
    answering.forEach((requests, socket) => {
      if ([...requests].some((request) => !request.complete)) socket.destroy();
    });
  const closeEndless = () => endless.forEach((response) => response.destroy());

  const stop = () => {
    clearTimeout(draining);
    if (stopping) process.exit(1);
    stopping = true;
    closeEndless();
    server.close(() => process.exit(0));
    setTimeout(closeUnused, ARRIVAL_MS);
    setTimeout(closeIncomplete, bodyMs);
  };
  server.on("connection", (socket) => {
    answering.set(socket, new Set());
    socket.on("close", () => answering.delete(socket));
  });
  server.prependListener("request", (request, response) => {
    if (request.url === ENDLESS) endless.add(response);
    const requests = answering.get(request.socket);
    requests?.add(request);
    if (draining || stopping) response.shouldKeepAlive = false;
    // One listener: with those of Node.js and the proxy, several would look like a leak to Node.js.
    response.on("close", () => {
      endless.delete(response);
      requests?.delete(request);
      // A response that began before the signal keeps its connection, which would delay the end.
      if (stopping) setImmediate(() => server.closeIdleConnections());
    });
  });
  process.on("SIGINT", stop);
  process.on("SIGTERM", () => {
    if (draining || drainSeconds <= 0) stop();
    else {
      draining = setTimeout(stop, drainSeconds * 1000);
      closeEndless();
    }
  });
}
