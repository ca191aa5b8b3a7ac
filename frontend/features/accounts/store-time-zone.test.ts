// @vitest-environment jsdom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { storeTimeZone } from "./store-time-zone";

let stored: string | null;
const patched: unknown[] = [];

beforeEach(() => {
  localStorage.clear();
  patched.length = 0;
  vi.stubGlobal("fetch", async (_path: string, init: RequestInit) => {
    if (init.method === "PATCH") patched.push(JSON.parse(String(init.body)));
    return Response.json({ time_zone: stored, week_start: "monday" });
  });
});
afterEach(() => void vi.unstubAllGlobals());

it("stores the browser's zone once if none is stored", async () => {
  stored = null;
  await storeTimeZone("ada");
  await storeTimeZone("ada");
  expect(patched).toEqual([{ time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone }]);
});

it("keeps a zone that was chosen", async () => {
  stored = "Asia/Tokyo";
  await storeTimeZone("ada");
  expect(patched).toEqual([]);
});
