/**
 * Starts the application without a connection. Online, every page comes from the server, so that none is stale; only
 * scripts and styles, whose names change with their content, come from the cache. Data of /api is never stored here.
 *
 * scripts/service-worker.mjs fills in the version and the files of a build.
 */
const VERSION = "@VERSION@";
const FILES = ["@FILES@"];
/** The newest and the one before, whose pages may still be open. */
const KEPT_VERSIONS = 2;

const newestFirst = async () => (await caches.keys()).filter((name) => name !== VERSION).reverse();

/** @param {Request} request */
async function fromCaches(request) {
  const options = { ignoreSearch: true, ignoreVary: true };
  for (const name of [VERSION, ...(await newestFirst())]) {
    const cache = await caches.open(name);
    const found = await cache.match(request, options);
    if (found) return found;
  }
  return undefined;
}

/** @param {Request} request */
async function pageOf(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const page = await fromCaches(request);
    if (!page) throw error;
    return page;
  }
}

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(
    caches
      .open(VERSION)
      .then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })))),
  );
});

self.addEventListener("activate", (event) => {
  const remove = async () => {
    const old = (await newestFirst()).slice(KEPT_VERSIONS - 1);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(remove());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(pageOf(request));
  else if (pathname.startsWith("/_next/static/")) {
    event.respondWith(fromCaches(request).then((found) => found ?? fetch(request)));
  }
});
