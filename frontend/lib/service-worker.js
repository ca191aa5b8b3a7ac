/**
 * Shows reminders that the server sends, and starts the application without a connection. Online, every page comes from the server, so that none is stale; only
 * scripts and styles, whose names change with their content, come from the cache. Data of /api is never stored here.
 *
 * scripts/service-worker.mjs fills in the version and the files of a build.
 */
const VERSION = "@VERSION@";
const FILES = ["@FILES@"];
/** The newest and the one before, whose pages may still be open. */
const KEPT_VERSIONS = 2;
/** How long an open page may take to answer. */
const ANSWER_MS = 500;

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

/** @param {{ due_at: string | null, all_day: boolean }} reminder */
function bodyOf({ due_at, all_day }) {
  if (!due_at) return "Reminder";
  const due = new Date(due_at);
  const now = new Date();
  const tomorrow = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  const day =
    due.toDateString() === now.toDateString()
      ? "today"
      : due.toDateString() === tomorrow.toDateString()
        ? "tomorrow"
        : due.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short" });
  const time = due.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return `Due ${all_day ? day : `${day} ${time}`}`;
}

/** Shows a reminder, in place of the one that an open page has shown, and tells the pages. */
async function remind(reminder) {
  const { tag, title, task_id: taskId } = reminder;
  await self.registration.showNotification(title, {
    tag,
    body: bodyOf(reminder),
    icon: "/icon-192.png",
    data: { taskId },
  });
  for (const page of await self.clients.matchAll({ type: "window" })) {
    page.postMessage({ type: "reminder-shown", tag });
  }
}

/** @param {string} taskId */
async function showTask(taskId) {
  // The page that was used last comes first.
  for (const page of await self.clients.matchAll({ type: "window" })) {
    if (await asksPage(page, { type: "show-task", taskId })) return void (await page.focus());
  }
  await self.clients.openWindow(`/?task=${encodeURIComponent(taskId)}`);
}

/** Returns whether a page has the list of tasks. Its address is no answer: it is the one that the page began with. */
async function asksPage(page, message) {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => {
    port1.onmessage = () => resolve(true);
    setTimeout(() => resolve(false), ANSWER_MS);
  });
  page.postMessage(message, [port2]);
  return answer.finally(() => port1.close());
}

/** The push service has another address for this browser. If it fails, the next page subscribes. */
async function subscribeAgain() {
  const response = await fetch("/api/push/key");
  if (!response.ok) return;
  const { public_key } = await response.json();
  const options = { userVisibleOnly: true, applicationServerKey: public_key };
  const { endpoint, keys } = (await self.registration.pushManager.subscribe(options)).toJSON();
  await fetch("/api/push/subscription", {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ endpoint, keys }),
  });
}

self.addEventListener("push", (event) => event.waitUntil(remind(event.data.json())));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(showTask(event.notification.data.taskId));
});

self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribeAgain()));
