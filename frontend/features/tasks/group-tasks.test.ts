// @vitest-environment node
import { beforeEach, describe, expect, it, vi } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import { groupTasks, isOverdue } from "./group-tasks";

const due = (due_at: string | null, all_day = false) => sampleTask({ due_at, all_day });

/** The task ids of each group, by its label. */
function shown(...groups: Parameters<typeof groupTasks>) {
  return Object.fromEntries(
    groupTasks(...groups).map((group) => [group.label, group.tasks.map((task) => task.id)]),
  );
}

describe("grouping tasks", () => {
  beforeEach(() => void vi.stubEnv("TZ", "Europe/Berlin"));

  it("assigns each task to the group of its local day", () => {
    // A Wednesday, 10:00 in Berlin.
    const now = new Date("2026-11-18T09:00:00Z");
    const overdue = due("2026-11-17T22:59:00Z");
    const midnight = due("2026-11-17T23:00:00Z", true);
    const lateToday = due("2026-11-18T22:59:59Z");
    const tomorrow = due("2026-11-18T23:00:00Z", true);
    const sunday = due("2026-11-22T22:00:00Z");
    const nextMonday = due("2026-11-22T23:00:00Z", true);
    const undated = due(null);
    expect(shown([undated, nextMonday, sunday, tomorrow, lateToday, midnight, overdue], [], now)).toEqual({
      Overdue: [overdue.id],
      Today: [midnight.id, lateToday.id],
      Tomorrow: [tomorrow.id],
      "This week": [sunday.id],
      Later: [nextMonday.id],
      "No date": [undated.id],
    });
  });

  it("finds tomorrow on the days when the clocks change", () => {
    const inSpring = due("2026-03-29T21:30:00Z"); // 23:30 on the 29th, a day of 23 hours
    expect(shown([inSpring], [], new Date("2026-03-28T22:30:00Z"))).toHaveProperty("Tomorrow");
    expect(shown([inSpring], [], new Date("2026-03-29T00:30:00Z"))).toHaveProperty("Today");
    const inAutumn = due("2026-10-25T22:30:00Z"); // 23:30 on the 25th, a day of 25 hours
    expect(shown([inAutumn], [], new Date("2026-10-24T22:30:00Z"))).toHaveProperty("Today");
    expect(shown([inAutumn], [], new Date("2026-10-24T21:30:00Z"))).toHaveProperty("Tomorrow");
  });

  it("separates the tasks completed today from earlier ones, most recent first", () => {
    const now = new Date("2026-11-18T09:00:00Z");
    const done = (completed_at: string) => sampleTask({ status: "completed", completed_at });
    const yesterday = done("2026-11-17T22:59:00Z");
    const early = done("2026-11-17T23:01:00Z");
    const late = done("2026-11-18T08:59:00Z");
    const longAgo = done("2025-01-01T00:00:00Z");
    expect(shown([], [longAgo, yesterday, early, late], now)).toEqual({
      "Done today": [late.id, early.id],
      "Done earlier": [yesterday.id, longAgo.id],
    });
  });

  it("keeps a completed task in its group while it slides away", () => {
    const now = new Date("2026-11-18T09:00:00Z");
    const leaving = sampleTask({ status: "completed", completed_at: now.toISOString() });
    expect(shown([], [leaving], now, new Map([[leaving.id, "undated"]]))).toEqual({
      "No date": [leaving.id],
    });
  });
});

describe("an overdue task", () => {
  beforeEach(() => void vi.stubEnv("TZ", "Europe/Berlin"));
  const now = new Date("2026-11-18T09:00:00Z");

  it("is overdue after its minute, or after its whole day", () => {
    expect(isOverdue(due("2026-11-18T08:59:00Z"), now)).toBe(true);
    expect(isOverdue(due("2026-11-17T23:00:00Z", true), now)).toBe(false);
    expect(isOverdue(due("2026-11-16T23:00:00Z", true), now)).toBe(true);
    expect(isOverdue(due(null), now)).toBe(false);
  });
});
