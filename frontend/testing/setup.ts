import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

afterEach(cleanup);
// A module that is loaded when it is used takes seconds on a busy machine.
configure({ asyncUtilTimeout: 10_000 });

// jsdom has no layout and so does not scroll.
if (typeof Element !== "undefined") Element.prototype.scrollIntoView ??= () => undefined;

// Nor does it have media: the tests have a mouse.
if (typeof window !== "undefined") {
  window.matchMedia ??= (media) =>
    Object.assign(new EventTarget(), {
      media,
      matches: media === "(pointer: fine)",
      onchange: null,
      addListener: () => undefined,
      removeListener: () => undefined,
    });
}

// A clock of 24 hours, whatever the language of this machine.
const { resolvedOptions } = Intl.DateTimeFormat.prototype;
Intl.DateTimeFormat.prototype.resolvedOptions = function () {
  return { ...resolvedOptions.call(this), hour12: false };
};
