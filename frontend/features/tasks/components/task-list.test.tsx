// @vitest-environment jsdom
import { QueryClient } from "@tanstack/react-query";
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Task } from "@/lib/task";
import { sampleTask } from "@/testing/sample-task";
import { createTaskActions, type TaskActions } from "../api/task-actions";
import type { View } from "../views";
import { TaskList } from "./task-list";

const now = new Date("2026-11-18T09:00:00Z");
const milk = sampleTask({ title: "Buy milk", due_at: "2026-11-18T16:00:00Z", priority: "high" });
const rent = sampleTask({ title: "Pay rent", due_at: "2026-11-19T00:00:00Z", all_day: true });
const plants = sampleTask({ title: "Water plants" });

let actions: TaskActions;
const onEdit = vi.fn();
const onReachEnd = vi.fn();

function show(open: Task[], completed: Task[] = [], hasMore = false, view: View = { name: "all" }) {
  return (
    <TaskList
      openTasks={open}
      completedTasks={completed}
      now={now}
      actions={actions}
      onEdit={onEdit}
      view={view}
      scrollRef={{ current: null }}
      empty={<p>Nothing here</p>}
      isLoadingOpen={false}
      hasMoreCompleted={hasMore}
      onReachEnd={onReachEnd}
      highlightedId={null}
    />
  );
}

class Unobserved {
  observe() {}
  unobserve() {}
  disconnect() {}
}

const check = (name: string) => screen.getByRole("checkbox", { name });

beforeEach(() => {
  vi.stubEnv("TZ", "UTC");
  actions = createTaskActions(new QueryClient());
  onEdit.mockReset();
  onReachEnd.mockReset();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the list of tasks", () => {
  it("labels its groups and shows the due date and priority of each row", () => {
    render(show([milk, rent, plants]));
    const today = screen.getByRole("list", { name: "Today" });
    expect(within(today).getByText("16:00")).toBeVisible();
    expect(check("Buy milk")).toHaveAccessibleDescription("High priority");
    expect(screen.getByRole("list", { name: "Tomorrow" })).toHaveTextContent("Pay rent");
    expect(screen.getByRole("list", { name: "No date" })).toHaveTextContent("Water plants");
  });

  it("is a single tab stop, and the arrow keys move through all groups", async () => {
    const user = userEvent.setup();
    render(show([milk, rent, plants]));
    await user.tab();
    expect(check("Buy milk")).toHaveFocus();
    await user.keyboard("{ArrowDown}{ArrowDown}");
    expect(check("Water plants")).toHaveFocus();
    await user.keyboard("{ArrowDown}");
    expect(check("Water plants")).toHaveFocus();
    await user.keyboard("{Home}");
    expect(check("Buy milk")).toHaveFocus();
    const stops = screen.getAllByRole("checkbox").filter((element) => element.tabIndex === 0);
    expect(stops).toEqual([check("Buy milk")]);
  });

  it("completes with Space and edits with Enter", async () => {
    const complete = vi.spyOn(actions, "complete").mockResolvedValue(true);
    const user = userEvent.setup();
    render(show([milk]));
    await user.tab();
    await user.keyboard("{Enter}");
    expect(onEdit).toHaveBeenCalledWith(milk);
    expect(complete).not.toHaveBeenCalled();
    await user.keyboard(" ");
    expect(complete).toHaveBeenCalledWith(milk);
  });

  it("moves a task without a date with Alt and the arrow keys, which keeps the focus", async () => {
    const move = vi.spyOn(actions, "move").mockResolvedValue();
    const other = sampleTask({ title: "Read", position: 1 });
    const user = userEvent.setup();
    render(show([milk, plants, other]));
    act(() => check("Water plants").focus());
    await user.keyboard("{Alt>}{ArrowDown}{/Alt}");
    expect(move).toHaveBeenLastCalledWith(plants, [plants.id, other.id], 1);
    await waitFor(() => expect(check("Water plants")).toHaveFocus());
    act(() => check("Buy milk").focus());
    await user.keyboard("{Alt>}{ArrowUp}{/Alt}");
    expect(move).toHaveBeenLastCalledWith(milk, null, -1);
  });

  it("edits, moves and deletes from the menu of a row", async () => {
    vi.stubGlobal("ResizeObserver", Unobserved);
    // Loaded before, so that no wait depends on how long it takes.
    await import("./task-menu");
    const move = vi.spyOn(actions, "move").mockResolvedValue();
    const remove = vi.spyOn(actions, "remove").mockResolvedValue(true);
    const user = userEvent.setup();
    render(<main>{show([milk, plants])}</main>);
    const choose = async (title: string, action: string) => {
      await user.click(screen.getByRole("button", { name: `Actions for ${title}` }));
      await user.click(await screen.findByRole("menuitem", { name: action }));
    };
    await choose("Buy milk", "Edit");
    expect(onEdit).toHaveBeenCalledWith(milk);
    await choose("Water plants", "Move up");
    expect(move).toHaveBeenLastCalledWith(plants, [plants.id], -1);
    await choose("Buy milk", "Delete");
    expect(remove).toHaveBeenCalledWith(milk);
    await user.click(screen.getByRole("button", { name: "Actions for Buy milk" }));
    expect(await screen.findAllByRole("menuitem")).toHaveLength(3);
  });

  it("selects rows with taps after the first was selected in its menu", async () => {
    vi.stubGlobal("ResizeObserver", Unobserved);
    await import("./task-menu");
    const changeMany = vi.spyOn(actions, "changeMany").mockResolvedValue(true);
    const complete = vi.spyOn(actions, "complete");
    const user = userEvent.setup();
    render(<main>{show([milk, rent, plants])}</main>);
    await user.click(screen.getByRole("button", { name: "Actions for Buy milk" }));
    await user.click(await screen.findByRole("menuitem", { name: "Select" }));
    expect(check("Select Buy milk")).toBeChecked();
    await user.click(screen.getByRole("button", { name: "Edit Pay rent" }));
    await user.click(check("Select Water plants"));
    await user.click(check("Select Buy milk"));
    const bar = await screen.findByRole("toolbar", { name: "2 selected" });
    await user.click(within(bar).getByRole("button", { name: "Delete" }));
    expect(changeMany).toHaveBeenCalledWith([rent, plants], { action: "delete", done: "Deleted" });
    expect([onEdit, complete].map((mock) => mock.mock.calls)).toEqual([[], []]);
    await user.click(screen.getByRole("button", { name: "Edit Pay rent" }));
    expect(onEdit).toHaveBeenCalledWith(rent);
  });

  it("keeps a completed task in place for a moment, then moves the focus to the next one", async () => {
    vi.spyOn(actions, "complete").mockResolvedValue(true);
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
    const view = render(show([milk, rent]));
    await user.tab();
    await user.keyboard(" ");
    const done: Task = { ...milk, status: "completed", completed_at: now.toISOString() };
    view.rerender(show([rent], [done]));
    expect(
      within(screen.getByRole("list", { name: "Today" })).getByRole("checkbox", { name: "Buy milk" }),
    ).toBeChecked();
    act(() => vi.advanceTimersByTime(700));
    expect(screen.queryByRole("list", { name: "Today" })).toBeNull();
    expect(within(screen.getByRole("list", { name: "Done today" })).getByRole("checkbox")).toBeChecked();
    expect(check("Pay rent")).toHaveFocus();
  });

  it("selects rows with x, Shift and the arrow keys, and completes them in one step", async () => {
    const changeMany = vi.spyOn(actions, "changeMany").mockResolvedValue(true);
    const user = userEvent.setup();
    render(show([milk, rent, plants]));
    await user.tab();
    await user.keyboard("x");
    expect(check("Buy milk")).toHaveAccessibleDescription("High priority, selected");
    await user.keyboard("{Shift>}{ArrowDown}{/Shift}");
    expect(check("Pay rent")).toHaveFocus();
    const bar = await screen.findByRole("toolbar", { name: "2 selected" });
    await user.click(within(bar).getByRole("button", { name: "Complete" }));
    expect(changeMany).toHaveBeenCalledWith([milk, rent], { action: "complete", done: "Completed" });
    expect(screen.queryByRole("toolbar")).toBeNull();
    expect(check("Pay rent")).toHaveFocus();
  });

  it("selects rows with Ctrl and Shift clicks, which do not open them, and Escape clears them", async () => {
    const user = userEvent.setup();
    render(show([milk, rent, plants]));
    await user.keyboard("{Control>}");
    await user.click(screen.getByRole("button", { name: "Edit Buy milk" }));
    await user.keyboard("{/Control}{Shift>}");
    await user.click(screen.getByRole("button", { name: "Edit Water plants" }));
    await user.keyboard("{/Shift}");
    expect(await screen.findByRole("toolbar", { name: "3 selected" })).toBeVisible();
    await user.keyboard("{Control>}");
    await user.click(check("Pay rent"));
    await user.keyboard("{/Control}");
    expect(screen.getByRole("toolbar", { name: "2 selected" })).toBeVisible();
    expect(onEdit).not.toHaveBeenCalled();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("toolbar")).toBeNull();
  });

  it("moves, tags and deletes the selected tasks", async () => {
    const changeMany = vi.spyOn(actions, "changeMany").mockResolvedValue(false);
    const user = userEvent.setup();
    render(show([milk, rent]));
    await user.tab();
    await user.keyboard("{Shift>}{ArrowDown}{/Shift}");
    const bar = within(await screen.findByRole("toolbar", { name: "2 selected" }));
    await user.click(bar.getByRole("button", { name: "Move" }));
    await user.click(bar.getByRole("button", { name: "Tomorrow" }));
    await user.click(bar.getByRole("button", { name: "Tag" }));
    await user.type(bar.getByRole("textbox", { name: "Tag" }), "#home{Enter}");
    await user.click(bar.getByRole("button", { name: "Remove" }));
    await user.click(bar.getByRole("button", { name: "Delete" }));
    expect(changeMany.mock.calls.map(([tasks, { action, changes }]) => [tasks, action, changes])).toEqual([
      [[milk, rent], "update", { due_on: "2026-11-19" }],
      [[milk, rent], "update", { add_tags: ["home"] }],
      [[milk, rent], "update", { remove_tags: ["home"] }],
      [[milk, rent], "delete", undefined],
    ]);
  });

  it("reopens a completed task", async () => {
    const reopen = vi.spyOn(actions, "reopen").mockResolvedValue(true);
    const done: Task = { ...milk, status: "completed", completed_at: now.toISOString() };
    render(show([], [done]));
    await userEvent.click(check("Buy milk"));
    expect(reopen).toHaveBeenCalledWith(done);
  });

  it("folds all but five overdue tasks, and moves all of them to today", async () => {
    const changeMany = vi.spyOn(actions, "changeMany").mockResolvedValue(true);
    const overdue = Array.from({ length: 7 }, (_, index) =>
      sampleTask({ title: `Late ${index}`, due_at: `2026-11-1${index}T12:00:00Z` }),
    );
    render(show([...overdue, milk]));
    const list = screen.getByRole("list", { name: "Overdue" });
    expect(within(list).getAllByRole("checkbox")).toHaveLength(5);
    expect(screen.getByRole("heading", { name: "Overdue" })).toHaveTextContent(/7$/);
    await userEvent.click(screen.getByRole("button", { name: "Show 2 more" }));
    expect(within(list).getAllByRole("checkbox")).toHaveLength(7);
    expect(within(list).getByText("2 days ago 12:00")).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Move all to today" }));
    expect(changeMany).toHaveBeenCalledWith(overdue, {
      action: "update",
      changes: { due_on: "2026-11-18" },
      done: "Moved",
      end: "to today",
    });
  });

  it("keeps tasks that were completed before today, folded", async () => {
    const done = sampleTask({ title: "Old", status: "completed", completed_at: "2026-11-17T09:00:00Z" });
    render(show([milk], [done]));
    expect(screen.queryByRole("checkbox", { name: "Old" })).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "Show 1" }));
    const list = screen.getByRole("list", { name: "Done earlier" });
    expect(within(list).getByRole("checkbox", { name: "Old" })).toBeChecked();
    expect(list).toHaveTextContent("yesterday");
  });

  it("loads more completed tasks near its end, and marks incomplete counts until then", async () => {
    let reach!: (entries: { isIntersecting: boolean }[]) => void;
    vi.stubGlobal(
      "IntersectionObserver",
      class {
        constructor(callback: typeof reach) {
          reach = callback;
        }
        observe() {}
        disconnect() {}
      },
    );
    render(
      show([], [sampleTask({ status: "completed", completed_at: "2026-11-18T08:00:00Z" })], true, {
        name: "done",
      }),
    );
    expect(screen.getByRole("heading", { name: "Today" })).toHaveTextContent(/1\+$/);
    expect(await screen.findByText("Loading more tasks…")).toBeVisible();
    reach([{ isIntersecting: false }]);
    expect(onReachEnd).not.toHaveBeenCalled();
    reach([{ isIntersecting: true }]);
    expect(onReachEnd).toHaveBeenCalledOnce();
  });
});
