// @vitest-environment node
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sourceHash } from "./source-hash.mjs";

describe("the build id", () => {
  /** @type {string} */
  let folder;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "sources-"));
    write("app/page.tsx", "one");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /**
   * @param {string} file
   * @param {string} text
   */
  function write(file, text) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }

  it("does not depend on modification times", () => {
    const before = sourceHash(folder);
    utimesSync(path.join(folder, "app/page.tsx"), 0, 0);
    expect(sourceHash(folder)).toBe(before);
    expect(before).toMatch(/^[0-9a-f]{16}$/);
  });

  it("changes with the content and the path of a file", () => {
    const names = new Set([sourceHash(folder)]);
    write("app/page.tsx", "two");
    names.add(sourceHash(folder));
    rmSync(path.join(folder, "app"), { recursive: true });
    write("lib/page.tsx", "two");
    names.add(sourceHash(folder));
    expect(names.size).toBe(3);
  });

  it.each([
    "node_modules/a/index.js",
    ".next/BUILD_ID",
    "lib/a.test.ts",
    "testing/sample-task.ts",
    "image/foreign-sources.mjs",
    "tsconfig.tsbuildinfo",
    "Dockerfile",
  ])("ignores %s", (file) => {
    const before = sourceHash(folder);
    write(file, "made");
    expect(sourceHash(folder)).toBe(before);
  });
});
