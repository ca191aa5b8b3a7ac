// @vitest-environment node
import { execFile } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { afterEach, describe, expect, it } from "vitest";

/** @type {http.Server} */
let server;

/** @param {http.RequestListener} listener */
async function serve(listener) {
  server = http.createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return String(port);
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/**
 * @param {Record<string, string>} environment
 * @returns {Promise<{ code: number, errors: string }>}
 */
function check(environment) {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["healthcheck.mjs"],
      { cwd: import.meta.dirname, env: { ...environment, NODE_ENV: "production" } },
      (_, __, errors) => resolve({ code: child.exitCode ?? -1, errors }),
    );
  });
}

describe("the health check", () => {
  it("passes when HEALTH_PATH answers 200", async () => {
    const PORT = await serve((request, response) => {
      response.statusCode = request.url === "/well" ? 200 : 500;
      response.end("{}");
    });
    expect(await check({ PORT, HEALTH_PATH: "/well" })).toEqual({ code: 0, errors: "" });
  });

  it("fails on any other status and reports it", async () => {
    const PORT = await serve((_, response) => response.writeHead(503).end());
    expect(await check({ PORT })).toEqual({ code: 1, errors: "/api/health answered 503\n" });
  });

  it("fails when nothing listens", async () => {
    const PORT = await serve(() => undefined);
    server.close();
    const { code, errors } = await check({ PORT });
    expect(code).toBe(1);
    expect(errors).toContain("ECONNREFUSED");
  });

  it("times out when the server never answers", async () => {
    const PORT = await serve(() => undefined);
    expect(await check({ PORT })).toEqual({ code: 1, errors: "/api/health did not answer in time\n" });
  });
});
