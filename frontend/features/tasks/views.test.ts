import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import { addressOf, countViews, detailsFrom, groupsOf, type View, viewAt } from "./views";

const now = new Date("2026-11-18T09:00:00Z");
const late = sampleTask({ due_at: "2026-11-16T09:00:00Z", tags: ["home"] });
const today = sampleTask({ due_at: "2026-11-18T20:00:00Z", tags: ["home", "a b&c"] });
const next = sampleTask({ due_at: "2026-11-25T20:00:00Z" });
const undated = sampleTask({ tags: ["home"] });
const done = (completed_at: string, tags: string[] = []) =>
  sampleTask({ status: "completed", completed_at, tags });
const doneToday = done("2026-11-18T08:00:00Z");
const doneEarlier = done("2026-11-12T08:00:00Z", ["home"]);

beforeEach(() => vi.stubEnv("TZ", "UTC"));
afterEach(() => vi.unstubAllEnvs());

function groupsIn(view: View): [string, string[]][] {
  const groups = groupsOf(view, [late, today, next, undated], [doneEarlier, doneToday], now, new Map());
  return groups.map((group) => [group.label, group.tasks.map((task) => task.id)]);
}

it("gives each view an address from which it can be read", () => {
  const views: View[] = [{ name: "all" }, { name: "today" }, { name: "upcoming" }, { name: "done" }];
  for (const view of [...views, { name: "tag", tag: "a b&c" } as const]) {
    expect(viewAt(new URL(addressOf(view), "http://host").search)).toEqual(view);
  }
  expect(viewAt("?view=nonsense")).toEqual({ name: "all" });
});

it("shows in each view its tasks", () => {
  expect(groupsIn({ name: "today" })).toEqual([
    ["Overdue", [late.id]],
    ["Today", [today.id]],
    ["Done today", [doneToday.id]],
  ]);
  expect(groupsIn({ name: "upcoming" })).toEqual([
    ["Today", [today.id]],
    ["Later", [next.id]],
  ]);
  expect(groupsIn({ name: "tag", tag: "home" })).toEqual([
    ["Overdue", [late.id]],
    ["Today", [today.id]],
    ["No date", [undated.id]],
    ["Done earlier", [doneEarlier.id]],
  ]);
  expect(groupsIn({ name: "done" })).toEqual([
    ["Today", [doneToday.id]],
    ["6 days ago", [doneEarlier.id]],
  ]);
});

it("keeps a completed task in its group while it slides away", () => {
  const groups = groupsOf({ name: "upcoming" }, [next], [doneToday], now, new Map([[doneToday.id, "later"]]));
  expect(groups.map((group) => group.tasks.length)).toEqual([2]);
});

it("counts the open tasks of views and tags", () => {
  expect(countViews([late, today, next, undated], now)).toEqual({
    today: 2,
    upcoming: 2,
    all: 4,
    tags: [
      ["a b&c", 1],
      ["home", 3],
    ],
  });
});

it("dates a task that is added today, and tags one that is added to a tag", () => {
  expect(detailsFrom({ name: "today" }, now)).toEqual({ date: "2026-11-18", tags: [] });
  expect(detailsFrom({ name: "tag", tag: "home" }, now)).toEqual({ date: "", tags: ["home"] });
});
