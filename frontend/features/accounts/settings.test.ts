// @vitest-environment node
import { describe, expect, it } from "vitest";
import { checkNewPassword, dataOf, describeDevice, describeUse } from "./settings";

const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

describe("naming a device", () => {
  it.each([
    [CHROME, "Chrome on Windows"],
    [`${CHROME} Edg/140.0.0.0`, "Edge on Windows"],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
      "Safari on iPhone",
    ],
    ["curl/8.14.1", "curl"],
    ["", "Unknown device"],
  ])("calls %s %s", (userAgent, name) => expect(describeDevice(userAgent)).toBe(name));
});

it("says when an access token was used and when it ends", () => {
  const format = (date: Date) => date.toISOString().slice(0, 10);
  const now = new Date("2026-11-28T12:00:00Z");
  const used = "2026-11-27T12:00:00Z";
  const describe = (last_used_at: string | null, expires_at: string | null) =>
    describeUse({ last_used_at, expires_at }, now, format);
  expect(describe(null, null)).toBe("Never used · does not expire");
  expect(describe(used, "2027-01-01T00:00:00Z")).toBe("Used 2026-11-27 · expires 2027-01-01");
  expect(describe(used, used)).toBe("Used 2026-11-27 · expired 2026-11-27");
});

it("refuses a new password before it is sent", () => {
  expect(checkNewPassword("", "12345678")).toMatch(/current/);
  expect(checkNewPassword("old", "1234567")).toMatch(/8 characters/);
  expect(checkNewPassword("12345678", "12345678")).toMatch(/differs/);
  expect(checkNewPassword("old", "12345678")).toBeUndefined();
});

describe("the data of a call", () => {
  it("is returned", async () => {
    expect(await dataOf(Promise.resolve({ data: 1, error: null }))).toBe(1);
  });

  it("is replaced by a message after an error", async () => {
    const refused = { data: null, error: { status: 400, code: "INVALID_PASSWORD" } };
    await expect(dataOf(Promise.resolve(refused))).rejects.toThrow("The password is incorrect.");
    await expect(dataOf(Promise.reject(new TypeError("fetch")))).rejects.toThrow(/^No connection/);
  });
});
