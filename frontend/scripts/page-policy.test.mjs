// @vitest-environment node
import { describe, expect, it } from "vitest";
import { contentSecurityPolicy, withPolicy } from "./page-policy.mjs";

const page = (/** @type {string} */ body) =>
  `<!DOCTYPE html><html><head><meta charSet="utf-8"/></head><body>${body}</body></html>`;

describe("the policy of a page", () => {
  it("allows each inline script by the hash that browsers compute", () => {
    // The example of the CSP specification.
    expect(contentSecurityPolicy(page("<script>alert('Hello, world.');</script>"))).toContain(
      "script-src 'self' 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=';",
    );
  });

  it("covers external scripts with 'self' and lists a repeated script once", () => {
    const twice = '<script async="" src="/a.js"></script><script id="x">1</script><script>1</script>';
    expect(contentSecurityPolicy(page(twice)).match(/sha256-/g)).toHaveLength(1);
  });

  it("precedes everything that it applies to", () => {
    expect(withPolicy(page("<script>1</script>"))).toMatch(
      /^<!DOCTYPE html><html><head><meta charSet="utf-8"\/><meta http-equiv="Content-Security-Policy" content="default-src/,
    );
  });

  it("is never omitted without an error", () => {
    expect(() => withPolicy("<html><script>1</script></html>")).toThrow("no <meta charset>");
  });
});
