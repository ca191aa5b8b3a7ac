// @vitest-environment jsdom
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type * as search from "@/features/tasks/api/search";
import { rankTasks, searchTasks } from "@/features/tasks/api/search";
import { ApiError } from "@/lib/api/client";
import { sampleTask } from "@/testing/sample-task";
import { Palette } from "./palette";

vi.mock("@/features/tasks/api/search", async (original) => ({
  ...(await original<typeof search>()),
  searchTasks: vi.fn(),
}));

const milk = sampleTask({ title: "Buy milk" });
const onShowTask = vi.fn();
const onClose = vi.fn();
const addTask = vi.fn();
let before: HTMLElement;
let unmount: () => void;

beforeAll(() => {
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
  );
  Element.prototype.scrollIntoView = () => undefined;
});
beforeEach(() => {
  vi.mocked(searchTasks).mockReset().mockResolvedValue([milk]);
  [onShowTask, onClose, addTask].forEach((mock) => mock.mockReset());
  const commands = [
    { label: "Add a task", keys: "q", run: addTask },
    { label: "Go to Today", run: vi.fn() },
  ];
  before = document.body.appendChild(document.createElement("button"));
  before.focus();
  ({ unmount } = render(<Palette commands={commands} onShowTask={onShowTask} onClose={onClose} />));
});
afterEach(() => before.remove());

it("returns the focus when nothing is chosen", async () => {
  await waitFor(() => expect(screen.getByRole("combobox")).toHaveFocus());
  await userEvent.keyboard("{Escape}");
  expect(onClose).toHaveBeenCalledOnce();
  unmount();
  await waitFor(() => expect(before).toHaveFocus());
});

it("finds tasks on the server and shows the chosen one", async () => {
  await userEvent.type(screen.getByRole("combobox"), "milk");
  await screen.findByRole("option", { name: /Buy milk/ });
  await userEvent.keyboard("{Enter}");
  expect(onClose).toHaveBeenCalledOnce();
  expect(onShowTask).toHaveBeenCalledWith(milk);
});

it("filters the commands by their words and runs one", async () => {
  vi.mocked(searchTasks).mockResolvedValue([]);
  await userEvent.type(screen.getByRole("combobox"), "task add");
  expect(screen.queryByRole("option", { name: "Go to Today" })).not.toBeInTheDocument();
  await userEvent.click(screen.getByRole("option", { name: /Add a task/ }));
  expect(addTask).toHaveBeenCalledOnce();
});

it("says why it found nothing", async () => {
  vi.mocked(searchTasks).mockRejectedValue(new ApiError("No connection to the server.", 0));
  await userEvent.type(screen.getByRole("combobox"), "zzz");
  await waitFor(() => expect(screen.getByText("No connection to the server.")).toBeVisible());
});

it("ranks open tasks whose title begins with the text first", () => {
  const done = sampleTask({ title: "Milk the cow", status: "completed" });
  const tagged = sampleTask({ title: "Shop", tags: ["milk"] });
  const first = sampleTask({ title: "milk and bread" });
  expect(rankTasks([done, tagged, milk, first], "Milk")).toEqual([first, milk, tagged, done]);
});
