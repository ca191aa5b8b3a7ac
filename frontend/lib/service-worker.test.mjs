// @vitest-environment node
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import vm from "node:vm";
import { describe, expect, it } from "vitest";
import { serviceWorkerOf } from "../scripts/service-worker.mjs";

const source = readFileSync("lib/service-worker.js", "utf8");

function build(page) {
  const folder = mkdtempSync(path.join(tmpdir(), "build-"));
  mkdirSync(path.join(folder, "chunks"));
  for (const file of ["chunks/a.js", "chunks/old.js", "chunks/a.css", "_ssgManifest.js"]) {
    writeFileSync(path.join(folder, file), "");
  }
  writeFileSync(path.join(folder, "index.html"), page);
  return serviceWorkerOf({
    source,
    staticFolder: folder,
    polyfills: ["static/chunks/old.js"],
    pages: { "/": path.join(folder, "index.html") },
  });
}

/** A browser that runs a service worker: its caches, and a network that the test answers. */
class Browser {
  caches = new Map();
  network = new Map();

  async install(script) {
    const listeners = {};
    const load = async (request) => {
      const { pathname } = new URL(request.url ?? request, "http://site");
      if (!this.network.has(pathname)) throw new TypeError("Failed to fetch");
      return this.network.get(pathname);
    };
    const open = async (name) => {
      if (!this.caches.has(name)) this.caches.set(name, new Map());
      const files = this.caches.get(name);
      return {
        addAll: async (all) => {
          for (const each of all) files.set(new URL(each.url).pathname, await load(each));
        },
        match: async (request) => files.get(new URL(request.url).pathname),
      };
    };
    vm.runInNewContext(script, {
      self: {
        location: { origin: "http://site" },
        addEventListener: (name, listener) => (listeners[name] = listener),
        skipWaiting: () => undefined,
        clients: { claim: async () => undefined },
      },
      caches: {
        open,
        keys: async () => [...this.caches.keys()],
        delete: async (name) => this.caches.delete(name),
      },
      Request: class {
        constructor(file) {
          this.url = new URL(file, "http://site").href;
        }
      },
      fetch: load,
      URL,
    });
    for (const name of ["install", "activate"]) {
      let done;
      listeners[name]({ waitUntil: (promise) => (done = promise) });
      await done;
    }
    return (pathname, mode = "cors", method = "GET") => {
      let answer = "not the service worker's";
      const request = { url: `http://site${pathname}`, mode, method };
      listeners.fetch({ request, respondWith: (promise) => (answer = promise) });
      return answer;
    };
  }
}

const files = ["/", "/_next/static/chunks/a.css", "/_next/static/chunks/a.js"];
const served = (browser, page) =>
  files.forEach((file) => browser.network.set(file, file === "/" ? page : file));

describe("a build's service worker", () => {
  it("keeps the pages and the files that supported browsers load", () => {
    expect(build("one")).toContain(`const FILES = ${JSON.stringify(files)};`);
  });

  it("has another version when a page changes", () => {
    expect(build("one")).toBe(build("one"));
    expect(build("one")).not.toBe(build("two"));
  });

  it("shows the server's page, and its own without a connection", async () => {
    const browser = new Browser();
    served(browser, "one");
    const get = await browser.install(build("one"));
    browser.network.set("/", "new");
    expect(await get("/?view=today", "navigate")).toBe("new");
    browser.network.clear();
    expect(await get("/?view=today", "navigate")).toBe("one");
    expect(await get("/_next/static/chunks/a.js")).toBe("/_next/static/chunks/a.js");
  });

  it("shows no page of an older version after an update, and removes all but the last two", async () => {
    const browser = new Browser();
    let get;
    for (const page of ["one", "two", "three"]) {
      served(browser, page);
      get = await browser.install(build(page));
    }
    browser.network.clear();
    expect(await get("/", "navigate")).toBe("three");
    expect(browser.caches.size).toBe(2);
  });

  it("leaves the API, other methods and other sites alone", async () => {
    const browser = new Browser();
    served(browser, "one");
    const get = await browser.install(build("one"));
    expect(get("/api/tasks")).toBe("not the service worker's");
    expect(get("/", "navigate", "POST")).toBe("not the service worker's");
  });
});
