// @vitest-environment node
import { describe, expect, it } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import { changePages, flattenPages, type TaskChange, type TaskPages } from "./task-cache";

const [first, second, third] = [sampleTask(), sampleTask(), sampleTask()];

const pages: TaskPages = {
  pages: [
    { items: [first, second], next_cursor: "next" },
    { items: [third], next_cursor: null },
  ],
  pageParams: [null, "next"],
};

const idsOf = (data: TaskPages) => data.pages.map((page) => page.items.map((task) => task.id));

describe("the open tasks after a change", () => {
  it("keep a changed task in its place", () => {
    const changed = changePages(pages, { type: "put", task: { ...third, title: "New" } }, "open");
    expect(idsOf(changed)).toEqual(idsOf(pages));
    expect(changed.pages[1]?.items[0]?.title).toBe("New");
    expect(changed.pages[0]).toBe(pages.pages[0]);
  });

  it("contain a new task once and keep the cursor of the next page", () => {
    const added = sampleTask();
    const changed = changePages(pages, { type: "put", task: added }, "open");
    expect(idsOf(changed)).toEqual([[added.id, first.id, second.id], [third.id]]);
    expect(changed.pages[0]?.next_cursor).toBe("next");
    expect(idsOf(changePages(changed, { type: "put", task: added }, "open"))).toEqual(idsOf(changed));
  });

  it("do not contain a completed or deleted task", () => {
    const completed = changePages(pages, { type: "put", task: { ...first, status: "completed" } }, "open");
    expect(idsOf(completed)).toEqual([[second.id], [third.id]]);
    expect(idsOf(changePages(pages, { type: "remove", id: third.id }, "open"))).toEqual([
      [first.id, second.id],
      [],
    ]);
  });

  it("show a task on two pages once, and keep it on one page after a change", () => {
    const twice = { ...pages, pages: [...pages.pages, { items: [first], next_cursor: null }] };
    expect(flattenPages(twice).map((task) => task.id)).toEqual([first.id, second.id, third.id]);
    expect(idsOf(changePages(twice, { type: "put", task: first }, "open"))[2]).toEqual([]);
  });
});

describe("the completed tasks after a change", () => {
  const nothing: TaskPages = { pages: [{ items: [], next_cursor: null }], pageParams: [null] };
  const after = (data: TaskPages, change: TaskChange) => changePages(data, change, "completed");

  it("contain a completed task, and not a reopened or deleted one", () => {
    const done = { ...first, status: "completed" as const };
    const completed = after(nothing, { type: "put", task: done });
    expect(idsOf(completed)).toEqual([[done.id]]);
    expect(idsOf(after(completed, { type: "put", task: first }))).toEqual([[]]);
    expect(idsOf(after(completed, { type: "remove", id: done.id }))).toEqual([[]]);
  });
});
