/**
 * Web Push: reminders while no page is open, in browsers that offer it. Where it fails, the open page shows them; see
 * ReminderWatch.
 */
import { callApi } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";

/** How a reminder reaches this browser: always, while a page is open, or only on the page itself. */
export type Reach = "always" | "open" | "page";

/** Sends this browser's reminders through its push service. Does nothing without the permission for notifications. */
export async function subscribeToPush(): Promise<void> {
  const pushManager = await findPushManager();
  if (!pushManager) return;
  const { public_key } = await callApi<components["schemas"]["PushKeyOut"]>("/api/push/key");
  let subscription = await pushManager.getSubscription();
  if (subscription && keyOf(subscription) !== public_key) {
    // The server has another key since. It cannot send anything to this subscription.
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: public_key });
  const { endpoint, keys } = subscription.toJSON();
  await callApi("/api/push/subscription", { method: "PUT", body: { endpoint, keys } });
}

/** Returns how a reminder reaches this browser now. */
export async function findReach(): Promise<Reach> {
  if (!("Notification" in globalThis) || Notification.permission !== "granted") return "page";
  const subscription = await (await findPushManager())?.getSubscription();
  return subscription ? "always" : "open";
}

async function findPushManager(): Promise<PushManager | null> {
  if (!("Notification" in globalThis) || Notification.permission !== "granted") return null;
  if (!("serviceWorker" in navigator) || !("PushManager" in globalThis)) return null;
  // The development server has no service worker.
  if (!(await navigator.serviceWorker.getRegistration())) return null;
  return (await navigator.serviceWorker.ready).pushManager;
}

function keyOf(subscription: PushSubscription): string {
  const bytes = new Uint8Array(subscription.options.applicationServerKey ?? new ArrayBuffer(0));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
