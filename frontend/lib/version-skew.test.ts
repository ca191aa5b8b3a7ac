// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { versionSkewScript } from "./version-skew";

const reload = vi.fn();
const stop = new AbortController();

/** Runs the script as a page that has just been loaded does. */
function load(): void {
  const listen = (kind: string, listener: EventListener, capture: boolean) =>
    window.addEventListener(kind, listener, { capture, signal: stop.signal });
  new Function("location", "addEventListener", versionSkewScript)({ reload }, listen);
}

/** Fails to load a file, as a browser does. */
function fail(address: string, tag: "script" | "img" = "script"): void {
  const element = document.createElement(tag);
  // Set as an attribute, the document would ask for it.
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

test("a page whose scripts are of another version loads itself again, once", () => {
  load();
  fail("http://localhost:3000/_next/static/chunks/one.js");
  fail("http://localhost:3000/_next/static/chunks/two.js");
  vi.runAllTimers();
  expect(reload).toHaveBeenCalledTimes(1);
});

test("what is not the application's own file changes nothing", () => {
  load();
  fail("http://localhost:3000/avatar.png", "img");
  window.dispatchEvent(new ErrorEvent("error", { message: "a mistake in a script" }));
  vi.runAllTimers();
  expect(reload).not.toHaveBeenCalled();
});

test("a file that is missing for good is given up, and tried again later", () => {
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
