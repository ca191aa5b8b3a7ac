// @vitest-environment node
import { describe, expect, it } from "vitest";
import { sayRecurrence } from "./recurrence";

describe("a recurrence in words", () => {
  it.each([
    ["FREQ=WEEKLY;BYDAY=MO", "every Monday"],
    ["FREQ=WEEKLY;BYDAY=MO,WE", "every Mon, Wed"],
    ["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday"],
    ["FREQ=DAILY;INTERVAL=2", "every 2 days"],
    ["FREQ=MONTHLY;BYDAY=1MO", "every month"],
    ["FREQ=YEARLY", "every year"],
  ])("says %s", (rule, words) => {
    expect(sayRecurrence(rule)).toBe(words);
  });
});
