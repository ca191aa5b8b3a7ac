// @vitest-environment node
import { beforeEach, describe, expect, it, vi } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import { changedFields, draftOf, parseTags } from "./task-draft";

describe("the changes of a draft", () => {
  beforeEach(() => void vi.stubEnv("TZ", "Europe/Berlin"));

  it("are empty for an unchanged draft, also when the due date has seconds", () => {
    const task = sampleTask({ due_at: "2026-11-22T16:00:42.5Z", tags: ["home"], description: "x" });
    expect(changedFields(task, draftOf(task))).toEqual({});
  });

  it("contain only the fields that differ", () => {
    const task = sampleTask({ title: "Old", tags: ["home"] });
    const draft = { ...draftOf(task), title: " New ", tags: "#home, work,, home" };
    expect(changedFields(task, draft)).toEqual({ title: "New", tags: ["home", "work"] });
  });

  it("convert a date to a whole day, and a date with a time to an instant", () => {
    const task = sampleTask();
    expect(changedFields(task, { ...draftOf(task), date: "2026-07-01" })).toEqual({
      due_at: "2026-06-30T22:00:00.000Z",
      all_day: true,
    });
    expect(changedFields(task, { ...draftOf(task), date: "2026-07-01", time: "17:00" })).toEqual({
      due_at: "2026-07-01T15:00:00.000Z",
      all_day: false,
    });
  });

  it("remove the due date", () => {
    const task = sampleTask({ due_at: "2026-11-22T16:00:00Z" });
    expect(changedFields(task, { ...draftOf(task), date: "", time: "" })).toEqual({
      due_at: null,
      all_day: false,
    });
  });
});

describe("parsing tags", () => {
  it("keeps their order and removes duplicates", () => {
    expect(parseTags(" #b, a , b,#, c d")).toEqual(["b", "a", "c d"]);
  });
});
