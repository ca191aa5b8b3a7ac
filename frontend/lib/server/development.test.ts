// @vitest-environment node
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { afterEach, expect, it } from "vitest";
import { answerApiInFront } from "./development";

const emit = http.Server.prototype.emit;
const servers: (http.Server | net.Server)[] = [];

afterEach(() => {
  http.Server.prototype.emit = emit;
  for (const server of servers.splice(0)) server.close();
});

async function listening<Kind extends http.Server | net.Server>(server: Kind): Promise<[Kind, number]> {
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return [server, (server.address() as net.AddressInfo).port];
}

it.each([
  ["GET", "/api/tasks", 299],
  ["GET", "/api/%ff", 299],
  ["GET", "/api/%c0%af", 299],
  ["GET", "/api/health", 200],
  ["GET", "/api/health?full", 200],
  ["GET", "/apis", 200],
  ["GET", "/", 200],
  ["TRACE", "/api/tasks", 405],
  ["TRACE", "/", 405],
])("%s %s is answered with %i", async (method, path, status) => {
  // Not an HTTP server of this process: that would forward to itself.
  const [, backend] = await listening(
    net.createServer((socket) => {
      socket.on("data", () => socket.end("HTTP/1.1 299 OK\r\ncontent-length: 0\r\n\r\n"));
    }),
  );
  const [, port] = await listening(http.createServer((_, response) => void response.writeHead(200).end()));
  answerApiInFront(() => new URL(`http://127.0.0.1:${backend}`));
  const request = http.request({ host: "127.0.0.1", port, method, path }).end();
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  expect(response.statusCode).toBe(status);
});
