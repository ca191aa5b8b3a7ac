// @vitest-environment node
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NextRoutes } from "./next-routes";
import { Site } from "./site";

const SCRIPT = "console.log('a script');\n".repeat(200);
const folder = mkdtempSync(path.join(tmpdir(), "site-"));
let server: http.Server;

function write(file: string, content: string | object): void {
  const target = path.join(folder, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, typeof content === "string" ? content : JSON.stringify(content));
}

beforeAll(async () => {
  const icon = { initialHeaders: { "content-type": "image/svg+xml", "cache-control": "public, max-age=0" } };
  write(".next/prerender-manifest.json", {
    routes: { "/": {}, "/sign-in": {}, "/_not-found": {}, "/icon.svg": icon },
  });
  const route = (page: string, regex: string) => ({ page, regex });
  write(".next/routes-manifest.json", {
    staticRoutes: [
      route("/", "^/(?:/)?$"),
      route("/report", "^/report(?:/)?$"),
      route("/_error", "^/_error$"),
    ],
    dynamicRoutes: [route("/lists/[id]", "^/lists/([^/]+?)(?:/)?$")],
    redirects: [{ regex: "^/internal$", internal: true }, { regex: "^/old(?:/)?$" }],
    rewrites: { beforeFiles: [], afterFiles: [{ regex: "^/moved$" }], fallback: [] },
  });
  const pages = ".next/server/app";
  write(`${pages}/index.html`, "<p>tasks</p>");
  write(`${pages}/index.rsc`, "data of tasks");
  write(`${pages}/sign-in.html`, "<p>sign in</p>");
  write(`${pages}/sign-in.rsc`, "data of sign-in");
  write(`${pages}/sign-in.segments/_tree.segment.rsc`, "tree of sign-in");
  write(`${pages}/sign-in.segments/sign-in/__PAGE__.segment.rsc`, "page of sign-in");
  write(`${pages}/_not-found.html`, "<p>not found</p>");
  write(`${pages}/icon.svg.body`, "<svg/>");
  write(`${pages}/page.js`, "a secret of the server");
  write(".next/static/chunks/a-1.js", SCRIPT);
  write("public/a b.txt", "public");
  const site = new Site(folder);
  server = http.createServer((request, response) => {
    void site.send(request, response, request.url!.split("?", 1)[0]!);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

async function ask(target: string, headers: http.OutgoingHttpHeaders = {}, method = "GET") {
  const { port } = server.address() as AddressInfo;
  const request = http
    .request({ host: "127.0.0.1", port, path: target, method, headers, agent: false })
    .end();
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const body = Buffer.concat(await response.toArray());
  return { status: response.statusCode, headers: response.headers, body, text: body.toString() };
}

describe("the built site", () => {
  it.each([
    ["/", {}, "<p>tasks</p>", "text/html; charset=utf-8", "no-cache"],
    ["/sign-in", {}, "<p>sign in</p>", "text/html; charset=utf-8", "no-cache"],
    ["/sign-in/?next=x", {}, "<p>sign in</p>", "text/html; charset=utf-8", "no-cache"],
    ["/", { rsc: "1" }, "data of tasks", "text/x-component", "no-cache"],
    ["/sign-in?_rsc=x", { rsc: "1" }, "data of sign-in", "text/x-component", "no-cache"],
    [
      "/sign-in",
      { rsc: "1", "next-router-segment-prefetch": "/_tree" },
      "tree of sign-in",
      "text/x-component",
      "no-cache",
    ],
    [
      "/sign-in",
      { rsc: "1", "next-router-segment-prefetch": "/sign-in/__PAGE__" },
      "page of sign-in",
      "text/x-component",
      "no-cache",
    ],
    ["/icon.svg?v=1", {}, "<svg/>", "image/svg+xml", "public, max-age=0"],
    ["/a%20b.txt", {}, "public", "text/plain; charset=utf-8", "no-cache"],
    [
      "/_next/static/chunks/a-1.js",
      {},
      SCRIPT,
      "text/javascript; charset=utf-8",
      "public, max-age=31536000, immutable",
    ],
  ])("answers %s with %j", async (target, headers, body, type, cacheControl) => {
    const response = await ask(target, headers);
    expect(response.status).toBe(200);
    expect(response.text).toBe(body);
    expect(response.headers["content-type"]).toBe(type);
    expect(response.headers["cache-control"]).toBe(cacheControl);
    expect(response.headers["x-frame-options"]).toBe("DENY");
    expect(response.headers.vary).toContain("rsc");
  });

  it.each([
    "/nothing",
    "/page.js",
    "/index.html",
    "/sign-in.rsc",
    "/_not-found",
    "//sign-in",
    "/SIGN-IN",
    "/_next/static/chunks/../../server/app/page.js",
    "/_next/static/chunks/%2e%2e/%2e%2e/server/app/page.js",
    "/.next/server/app/page.js",
    "/__proto__",
  ])("has nothing at %s", async (target) => {
    const response = await ask(target);
    expect(response.status).toBe(404);
    expect(response.text).toBe("<p>not found</p>");
    expect(response.headers["cache-control"]).toBe("no-store");
  });

  it.each([
    ["br", "br", brotliDecompressSync],
    ["gzip, deflate, br;q=0.9", "br", brotliDecompressSync],
    ["GZIP", "gzip", gunzipSync],
    ["br;q=0, gzip", "gzip", gunzipSync],
    ["gzip;q=0.000", undefined, (body: Buffer) => body],
    ["gzipped", undefined, (body: Buffer) => body],
    ["", undefined, (body: Buffer) => body],
  ])("with Accept-Encoding: %s sends %s", async (accepted, sent, decompress) => {
    const response = await ask("/_next/static/chunks/a-1.js", { "accept-encoding": accepted });
    expect(response.headers["content-encoding"]).toBe(sent);
    expect(response.headers["content-length"]).toBe(String(response.body.byteLength));
    expect(decompress(response.body).toString()).toBe(SCRIPT);
  });

  it("sends a page again only after a change", async () => {
    const { etag } = (await ask("/sign-in")).headers;
    for (const header of [etag, `"other", ${etag}`, etag!.replace("W/", ""), "*"]) {
      const response = await ask("/sign-in", { "if-none-match": header });
      expect([response.status, response.text]).toEqual([304, ""]);
    }
    expect((await ask("/", { "if-none-match": etag })).status).toBe(200);
  });

  it("answers HEAD without a body, and no other method", async () => {
    const head = await ask("/sign-in", {}, "HEAD");
    expect([head.status, head.headers["content-length"], head.text]).toEqual([200, "14", ""]);
    const post = await ask("/sign-in", {}, "POST");
    expect([post.status, post.headers.allow]).toEqual([405, "GET, HEAD"]);
    expect((await ask("/nothing", {}, "DELETE")).status).toBe(404);
  });

  it("tells what it has", () => {
    const site = new Site(folder);
    expect(["/", "/sign-in/", "/icon.svg", "/report", "/sign-in.html"].map((path) => site.has(path))).toEqual(
      [true, true, true, false, false],
    );
  });
});

it("leaves to Next.js what it computes, redirects or rewrites", () => {
  const routes = new NextRoutes(folder);
  const paths = ["/report", "/lists/7", "/old/", "/moved", "/internal", "/_error", "/nothing", "/lists/7/8"];
  expect(paths.filter((path) => routes.has(path))).toEqual(["/report", "/lists/7", "/old/", "/moved"]);
});
