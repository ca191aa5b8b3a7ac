// @vitest-environment node
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appendAddress, trackClientAddresses } from "./client-address";

describe("the addresses of x-forwarded-for", () => {
  let address: string;
  const server = http.createServer((request, response) => {
    response.end(JSON.stringify(request.headers["x-forwarded-for"]));
  });

  beforeAll(async () => {
    trackClientAddresses();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  it("contain only the peer without a proxy", async () => {
    expect(await (await fetch(address)).json()).toBe("127.0.0.1");
  });

  it("end with the peer, whatever the client sends", async () => {
    const response = await fetch(address, { headers: { "x-forwarded-for": "203.0.113.9" } });
    expect(await response.json()).toBe("203.0.113.9, 127.0.0.1");
  });

  it("drop the client's header when there is no proxy", async () => {
    trackClientAddresses({ behindProxy: false });
    const response = await fetch(address, { headers: { "x-forwarded-for": "203.0.113.9" } });
    // This overrides the subscription of the first test.
    expect(await response.json()).toBe("127.0.0.1");
  });

  it("contain IPv4 addresses in their plain form", () => {
    expect(appendAddress(undefined, "::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(appendAddress("192.0.2.1", "2001:db8::1")).toBe("192.0.2.1, 2001:db8::1");
  });
});
