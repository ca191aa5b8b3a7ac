/**
 * Appends the peer's address to x-forwarded-for, as every proxy must.
 *
 * Next.js sets the header only if it is absent. A client that sends its own header could then choose the address that
 * the backend uses for rate limits and logs. A route cannot access the socket; Node's diagnostics channel can.
 */
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";

/** Returns the header's value with one more hop appended. */
export function appendAddress(forwardedFor: string | undefined, address: string): string {
  // A dual-stack socket reports an IPv4 peer in IPv6 form; convert it to the plain form.
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  return forwardedFor ? `${forwardedFor}, ${plain}` : plain;
}

/**
 * Appends the address to every request that an HTTP server of this process receives from now on.
 *
 * Without a proxy in front of this server (`behindProxy: false`), the header can only come from the client and is
 * dropped, because the backend could not distinguish it from a proxy's.
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
