// @vitest-environment node
import { describe, expect, it } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import { changeCompleted, changeOpenPages, flattenPages, type OpenTaskPages } from "./task-cache";

const [first, second, third] = [sampleTask(), sampleTask(), sampleTask()];

const pages: OpenTaskPages = {
  pages: [
    { items: [first, second], next_cursor: "next" },
    { items: [third], next_cursor: null },
  ],
  pageParams: [null, "next"],
};

const idsOf = (data: OpenTaskPages) => data.pages.map((page) => page.items.map((task) => task.id));

describe("the open tasks after a change", () => {
  it("keep a changed task in its place", () => {
    const changed = changeOpenPages(pages, { type: "put", task: { ...third, title: "New" } });
    expect(idsOf(changed)).toEqual(idsOf(pages));
    expect(changed.pages[1]?.items[0]?.title).toBe("New");
    expect(changed.pages[0]).toBe(pages.pages[0]);
  });

  it("contain a new task once and keep the cursor of the next page", () => {
    const added = sampleTask();
    const changed = changeOpenPages(pages, { type: "put", task: added });
    expect(idsOf(changed)).toEqual([[added.id, first.id, second.id], [third.id]]);
    expect(changed.pages[0]?.next_cursor).toBe("next");
    expect(idsOf(changeOpenPages(changed, { type: "put", task: added }))).toEqual(idsOf(changed));
  });

  it("do not contain a completed or deleted task", () => {
    const completed = changeOpenPages(pages, { type: "put", task: { ...first, status: "completed" } });
    expect(idsOf(completed)).toEqual([[second.id], [third.id]]);
    expect(idsOf(changeOpenPages(pages, { type: "remove", id: third.id }))).toEqual([
      [first.id, second.id],
      [],
    ]);
  });

  it("show a task on two pages once, and keep it on one page after a change", () => {
    const twice = { ...pages, pages: [...pages.pages, { items: [first], next_cursor: null }] };
    expect(flattenPages(twice).map((task) => task.id)).toEqual([first.id, second.id, third.id]);
    expect(idsOf(changeOpenPages(twice, { type: "put", task: first }))[2]).toEqual([]);
  });
});

describe("the completed tasks after a change", () => {
  it("contain a completed task, and not a reopened or deleted one", () => {
    const done = { ...first, status: "completed" as const };
    expect(changeCompleted([], { type: "put", task: done })).toEqual([done]);
    expect(changeCompleted([done], { type: "put", task: first })).toEqual([]);
    expect(changeCompleted([done], { type: "remove", id: done.id })).toEqual([]);
  });
});
