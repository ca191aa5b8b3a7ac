/**
 * Appends the peer's address to x-forwarded-for, as every proxy must.
 *
 * Next sets the header only where it is absent, so a client that sends its own would choose the address by
 * which the backend limits and logs it. A route cannot see the socket; Node's own channel can.
 */
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";

/** Returns the header's value with one more hop at its end. */
export function appendAddress(forwardedFor: string | undefined, address: string): string {
  // A dual-stack socket shows an IPv4 peer in IPv6 form; whoever compares addresses expects the plain one.
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  return forwardedFor ? `${forwardedFor}, ${plain}` : plain;
}

/**
 * Does so for every request that an HTTP server of this process receives from now on.
 *
 * Without a proxy before this server (`behindProxy`) what the header says is the client's own invention, and is
 * dropped: where a network hides clients behind an address of its own, the backend could not tell it from a proxy's.
 */
export function trackClientAddresses({ behindProxy = true } = {}): void {
  subscribe("http.server.request.start", (message) => {
    const { request } = message as { request: IncomingMessage };
    const address = request.socket.remoteAddress;
    if (!address) return;
    const forwardedFor = behindProxy ? request.headers["x-forwarded-for"] : undefined;
    request.headers["x-forwarded-for"] = appendAddress(forwardedFor?.toString(), address);
  });
}
