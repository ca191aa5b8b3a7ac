// @vitest-environment node
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { drainOnSigterm } from "./draining";

let address: string;
const agent = new http.Agent({ keepAlive: true });
const server = http.createServer((_, response) => response.end("served"));
const stop = vi.fn();

beforeAll(async () => {
  process.removeAllListeners("SIGTERM");
  process.on("SIGTERM", stop);
  drainOnSigterm(0.3);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  agent.destroy();
  server.close();
  process.removeAllListeners("SIGTERM");
});

async function connectionHeader(): Promise<string | undefined> {
  const request = http.get(address, { agent });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  response.resume();
  await once(response, "end");
  return response.headers.connection;
}

it("keeps serving for a while after SIGTERM and closes each connection after its response", async () => {
  expect(await connectionHeader()).toBe("keep-alive");
  process.emit("SIGTERM");
  expect(await connectionHeader()).toBe("close");
  expect(stop).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(stop).toHaveBeenCalledOnce());
});

it("stops at once on a second SIGTERM", () => {
  stop.mockClear();
  drainOnSigterm(60);
  process.emit("SIGTERM");
  process.emit("SIGTERM");
  expect(stop).toHaveBeenCalled();
});
