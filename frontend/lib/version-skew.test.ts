// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { versionSkewScript } from "./version-skew";

const reload = vi.fn();
const stop = new AbortController();

/** Runs the script as on a page load. */
function load(): void {
  const listen = (kind: string, listener: EventListener, capture: boolean) =>
    window.addEventListener(kind, listener, { capture, signal: stop.signal });
  new Function("location", "addEventListener", versionSkewScript)({ reload }, listen);
}

/** Dispatches the error of a file that failed to load. */
function fail(address: string, tag: "script" | "img" = "script"): void {
  const element = document.createElement(tag);
  // As an attribute, it would make the document request the file.
  Object.defineProperty(element, "src", { value: address });
  document.body.append(element);
  element.dispatchEvent(new Event("error"));
  element.remove();
}

beforeEach(() => {
  vi.useFakeTimers();
  sessionStorage.clear();
  reload.mockReset();
});

afterEach(() => {
  vi.useRealTimers();
});

test("a page whose scripts are missing reloads itself once", () => {
  load();
  fail("http://localhost:3000/_next/static/chunks/one.js");
  fail("http://localhost:3000/_next/static/chunks/two.js");
  vi.runAllTimers();
  expect(reload).toHaveBeenCalledTimes(1);
});

test("other errors do not reload the page", () => {
  load();
  fail("http://localhost:3000/avatar.png", "img");
  window.dispatchEvent(new ErrorEvent("error", { message: "a mistake in a script" }));
  vi.runAllTimers();
  expect(reload).not.toHaveBeenCalled();
});

test("reloads stop at the limit and start again later", () => {
  for (let visit = 0; visit < 8; visit++) {
    load();
    fail("http://localhost:3000/_next/static/chunks/one.js");
    vi.runAllTimers();
  }
  expect(reload).toHaveBeenCalledTimes(5);
  vi.advanceTimersByTime(61_000);
  load();
  fail("http://localhost:3000/_next/static/chunks/one.js");
  vi.runAllTimers();
  expect(reload).toHaveBeenCalledTimes(6);
});
