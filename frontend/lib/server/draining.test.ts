// @vitest-environment node
import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it, vi, type MockInstance } from "vitest";
import { stopOnSignals } from "./draining";

let server: http.Server;
let port: number;
let agent: http.Agent;
/** Ends the responses that wait. */
let finish: () => void;
let exit: MockInstance<typeof process.exit>;

beforeEach(async () => {
  exit = vi.spyOn(process, "exit").mockImplementation(() => undefined as never);
  agent = new http.Agent({ keepAlive: true });
  const finished = new Promise<void>((resolve) => (finish = resolve));
  server = http.createServer(async (request, response) => {
    if (request.url !== "/") {
      response.flushHeaders();
      await finished;
    }
    response.end("served");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  agent.destroy();
  server.closeAllConnections();
  // A server that stops calls process.exit, which must still be replaced then.
  await new Promise((resolve) => server.close(resolve));
  process.removeAllListeners("SIGTERM");
  process.removeAllListeners("SIGINT");
});

async function get(path = "/"): Promise<http.IncomingMessage> {
  const request = http.get({ host: "127.0.0.1", port, path, agent });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  if (path === "/") await response.resume().toArray();
  return response;
}

it("keeps serving for a while after SIGTERM and closes each connection after its response", async () => {
  stopOnSignals(server, 0.3);
  expect((await get()).headers.connection).toBe("keep-alive");
  process.emit("SIGTERM");
  expect((await get()).headers.connection).toBe("close");
  expect(exit).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(exit).toHaveBeenCalledExactlyOnceWith(0));
  await expect(get()).rejects.toThrow("ECONNREFUSED");
});

it("finishes the responses that it has begun", async () => {
  stopOnSignals(server, 0);
  const response = await get("/slow");
  process.emit("SIGTERM");
  await expect(get()).rejects.toThrow("ECONNREFUSED");
  expect(exit).not.toHaveBeenCalled();
  finish();
  expect(Buffer.concat(await response.toArray()).toString()).toBe("served");
  await vi.waitFor(() => expect(exit).toHaveBeenCalledExactlyOnceWith(0));
});

it.each(["", "GET / HTTP/1.1\r\nHost: localhost\r\n"])(
  "does not wait for a connection that has sent %j",
  async (sent) => {
    stopOnSignals(server, 0);
    const connection = net.connect(port, "127.0.0.1");
    const closed = once(connection.resume(), "close");
    await once(server, "connection");
    connection.write(sent);
    const slow = await get("/slow");
    process.emit("SIGTERM");
    await closed;
    expect(exit).not.toHaveBeenCalled();
    finish();
    expect(Buffer.concat(await slow.toArray()).toString()).toBe("served");
    await vi.waitFor(() => expect(exit).toHaveBeenCalledExactlyOnceWith(0));
  },
);

it("does not wait for long for a body that does not arrive", async () => {
  stopOnSignals(server, 0, 50);
  const connection = net.connect(port, "127.0.0.1");
  const closed = once(connection.resume(), "close");
  connection.write("POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf");
  await once(server, "request");
  process.emit("SIGTERM");
  await closed;
  await vi.waitFor(() => expect(exit).toHaveBeenCalledExactlyOnceWith(0));
});

it("closes streams without an end as soon as it drains", async () => {
  stopOnSignals(server, 60);
  const stream = await get("/api/events");
  const slow = await get("/slow");
  process.emit("SIGTERM");
  await expect(stream.toArray()).rejects.toThrow("aborted");
  finish();
  expect(Buffer.concat(await slow.toArray()).toString()).toBe("served");
  expect(exit).not.toHaveBeenCalled();
});

it("stops draining on a second signal, and at once on a third", async () => {
  stopOnSignals(server, 60);
  await get("/slow");
  process.emit("SIGTERM");
  process.emit("SIGTERM");
  await expect(get()).rejects.toThrow("ECONNREFUSED");
  expect(exit).not.toHaveBeenCalled();
  process.emit("SIGTERM");
  expect(exit).toHaveBeenCalledExactlyOnceWith(1);
});

it("does not drain on SIGINT", async () => {
  stopOnSignals(server, 60);
  process.emit("SIGINT");
  await vi.waitFor(() => expect(exit).toHaveBeenCalledExactlyOnceWith(0));
});
