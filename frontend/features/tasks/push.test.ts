// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { callApi } from "@/lib/api/client";
import { findReach, subscribeToPush } from "./push";

vi.mock("@/lib/api/client", () => ({ callApi: vi.fn() }));

const KEY = "BAECAw";
const NEW_KEY = Uint8Array.from([4, 1, 2, 3]).buffer;
const OLD_KEY = Uint8Array.from([4, 9, 9, 9]).buffer;
const KEYS = { p256dh: "p", auth: "a" };
const pushManager = { getSubscription: vi.fn(), subscribe: vi.fn() };
const worker = { getRegistration: vi.fn(), ready: Promise.resolve({ pushManager }) };

function subscription(name: string, key: ArrayBuffer) {
  return {
    options: { applicationServerKey: key },
    unsubscribe: vi.fn(),
    toJSON: () => ({ endpoint: `https://push.example.net/${name}`, expirationTime: null, keys: KEYS }),
  };
}

const registered = () =>
  vi
    .mocked(callApi)
    .mock.calls.flatMap(([path, options]) => (options?.method === "PUT" ? [[path, options.body]] : []));

beforeEach(() => {
  vi.clearAllMocks();
  vi.stubGlobal("Notification", { permission: "granted" });
  vi.stubGlobal("PushManager", class {});
  Object.defineProperty(navigator, "serviceWorker", { value: worker, configurable: true });
  worker.getRegistration.mockResolvedValue({});
  pushManager.getSubscription.mockResolvedValue(null);
  pushManager.subscribe.mockResolvedValue(subscription("new", NEW_KEY));
  vi.mocked(callApi).mockImplementation((_, options) =>
    Promise.resolve(options?.method ? undefined : { public_key: KEY }),
  );
});
afterEach(() => vi.unstubAllGlobals());

describe("Web Push", () => {
  it("registers a new subscription with the server's key", async () => {
    await subscribeToPush();
    expect(pushManager.subscribe).toHaveBeenCalledWith({ userVisibleOnly: true, applicationServerKey: KEY });
    expect(registered()).toEqual([
      ["/api/push/subscription", { endpoint: "https://push.example.net/new", keys: KEYS }],
    ]);
  });

  it("registers an existing subscription again, because the session may be new", async () => {
    pushManager.getSubscription.mockResolvedValue(subscription("old", NEW_KEY));
    await subscribeToPush();
    expect(pushManager.subscribe).not.toHaveBeenCalled();
    expect(registered()).toEqual([
      ["/api/push/subscription", { endpoint: "https://push.example.net/old", keys: KEYS }],
    ]);
  });

  it("replaces a subscription with another key of the server", async () => {
    const old = subscription("old", OLD_KEY);
    pushManager.getSubscription.mockResolvedValue(old);
    await subscribeToPush();
    expect(old.unsubscribe).toHaveBeenCalledOnce();
    expect(registered()).toEqual([
      ["/api/push/subscription", { endpoint: "https://push.example.net/new", keys: KEYS }],
    ]);
  });

  it.each([
    ["notifications are not allowed", () => vi.stubGlobal("Notification", { permission: "denied" })],
    ["the browser has no Web Push", () => Reflect.deleteProperty(globalThis, "PushManager")],
    ["there is no service worker", () => worker.getRegistration.mockResolvedValue(undefined)],
  ])("calls nothing where %s", async (_, remove) => {
    remove();
    await subscribeToPush();
    expect(callApi).not.toHaveBeenCalled();
  });

  it("reports how a reminder reaches the browser", async () => {
    expect(await findReach()).toBe("open");
    pushManager.getSubscription.mockResolvedValue(subscription("new", NEW_KEY));
    expect(await findReach()).toBe("always");
    vi.stubGlobal("Notification", { permission: "denied" });
    expect(await findReach()).toBe("page");
  });
});
