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

  /** The open pages, and what the browser was asked to do. */
  pages = [];
  calls = [];

  async install(script) {
    const listeners = {};
    const load = async (request, options) => {
      if (options) this.calls.push([options.method, request, options.body]);
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
        clients: {
          claim: async () => undefined,
          matchAll: async () => this.pages,
          openWindow: async (url) => void this.calls.push(["open", url]),
        },
        registration: {
          showNotification: async (...shown) => void this.calls.push(["show", ...shown]),
          pushManager: {
            subscribe: async () => ({ toJSON: () => ({ endpoint: "https://push", keys: {} }) }),
          },
        },
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
      MessageChannel,
      setTimeout,
      URL,
    });
    for (const name of ["install", "activate"]) {
      let done;
      listeners[name]({ waitUntil: (promise) => (done = promise) });
      await done;
    }
    this.dispatch = async (name, event) => {
      let done;
      listeners[name]({ ...event, waitUntil: (promise) => (done = promise) });
      await done;
    };
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

describe("a reminder that the server sends", () => {
  const reminder = { tag: "1 2026-11-28T09:00:00Z", task_id: "1", title: "Call Ann", all_day: false };
  const page = (isTasks) => {
    const calls = [];
    const postMessage = (data, [port] = []) => {
      calls.push(data);
      if (isTasks) port?.postMessage("shown");
    };
    return { calls, postMessage, focus: async () => calls.push("focus") };
  };
  const running = async (...pages) => {
    const browser = new Browser();
    served(browser, "one");
    await browser.install(build("one"));
    browser.pages = pages;
    return browser;
  };
  const push = (browser, due_at) =>
    browser.dispatch("push", { data: { json: () => ({ ...reminder, due_at }) } });

  it("is shown with its time, and the pages learn of it", async () => {
    const open = page(true);
    const browser = await running(open);
    const due = new Date();
    due.setHours(17, 5);
    await push(browser, due.toISOString());
    await push(browser, null);
    expect(browser.calls.map(([, title, { body, tag }]) => [title, body, tag])).toEqual([
      ["Call Ann", "Due today 17:05", reminder.tag],
      ["Call Ann", "Reminder", reminder.tag],
    ]);
    expect(open.calls[0]).toEqual({ type: "reminder-shown", tag: reminder.tag });
  });

  it("leads to the task in an open page", async () => {
    const [settings, open] = [page(false), page(true)];
    const browser = await running(settings, open);
    const close = () => browser.calls.push("close");
    await browser.dispatch("notificationclick", { notification: { close, data: { taskId: "1" } } });
    expect(browser.calls).toEqual(["close"]);
    expect(open.calls).toEqual([{ type: "show-task", taskId: "1" }, "focus"]);
    expect(settings.calls).not.toContain("focus");
  });

  it("opens a page where none is open", async () => {
    const browser = await running();
    const notification = { close: () => undefined, data: { taskId: "1" } };
    await browser.dispatch("notificationclick", { notification });
    expect(browser.calls).toEqual([["open", "/?task=1"]]);
  });

  it("registers the browser's new address", async () => {
    const browser = await running();
    const key = { ok: true, json: async () => ({ public_key: "B" }) };
    browser.network.set("/api/push/key", key).set("/api/push/subscription", { ok: true });
    await browser.dispatch("pushsubscriptionchange", {});
    const body = JSON.stringify({ endpoint: "https://push", keys: {} });
    expect(browser.calls).toEqual([["PUT", "/api/push/subscription", body]]);
  });
});
