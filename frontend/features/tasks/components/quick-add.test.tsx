// @vitest-environment jsdom
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createRef } from "react";
import { beforeEach, expect, it, vi } from "vitest";
import { type ParsedTask, parseTask } from "../api/parse";
import type { NewTask } from "../api/tasks";
import type { TaskActions } from "../api/task-actions";
import { QuickAdd } from "./quick-add";

vi.mock("../api/parse", () => ({ parseTask: vi.fn() }));

const parse = vi.mocked(parseTask);

/** Answers as the server's grammar does, for a text with the word #home. */
function understandTag(text: string): ParsedTask {
  const at = text.indexOf("#home");
  if (at < 0) return { title: text.trim() };
  const place = { start: at, end: at + 5, utf16_start: at, utf16_end: at + 5 };
  return { title: text.replace("#home", "").trim(), tags: ["home"], spans: [{ field: "tag", ...place }] };
}

/** Renders the field and returns it, and the tasks that it adds. */
function renderQuickAdd(details = { date: "", tags: [] as string[] }) {
  const added: NewTask[] = [];
  const add = async (task: NewTask, read?: Promise<NewTask>) => void added.push((await read) ?? task);
  render(
    <QuickAdd
      actions={{ add } as unknown as TaskActions}
      inputRef={createRef()}
      details={details}
      onAdded={() => undefined}
    />,
  );
  return { title: screen.getByRole("textbox", { name: "New task" }), added };
}

beforeEach(() => {
  sessionStorage.clear();
  parse.mockReset().mockImplementation(async (text) => understandTag(text));
});

it("returns the focus to the title after each choice, so that Enter adds the task", async () => {
  const { title, added } = renderQuickAdd();
  await userEvent.type(title, "Call the bank");
  for (const name of ["Tomorrow", "Today", "High"]) {
    await userEvent.click(screen.getByRole("button", { name }));
    expect(title).toHaveFocus();
  }
  await userEvent.keyboard("{Enter}");
  await waitFor(() =>
    expect(added).toEqual([
      expect.objectContaining({ title: "Call the bank", priority: "high", all_day: true }),
    ]),
  );
});

it("shows what it understood, and returns a removed word to the title without losing the focus", async () => {
  const { title, added } = renderQuickAdd();
  await userEvent.type(title, "Water the plants #home");
  await userEvent.click(await screen.findByRole("button", { name: "#home: keep in the title" }));
  expect(title).toHaveFocus();
  await waitFor(() => expect(screen.queryByRole("button", { name: /^#home/ })).not.toBeInTheDocument());
  await userEvent.keyboard("{Enter}");
  await waitFor(() => expect(added).toEqual([expect.objectContaining({ title: "Water the plants #home" })]));
  expect(added[0]).not.toHaveProperty("tags");
});

it("adds at once on Enter, and has the server read the text when the answer is not there yet", async () => {
  const { title, added } = renderQuickAdd();
  await userEvent.type(title, "Water the plants #home{Enter}");
  expect(title).toHaveValue("");
  await waitFor(() =>
    expect(added).toEqual([expect.objectContaining({ title: "Water the plants", tags: ["home"] })]),
  );
});

it("adds the plain text when the server cannot read it", async () => {
  parse.mockRejectedValue(new TypeError("offline"));
  const { title, added } = renderQuickAdd();
  await userEvent.type(title, "Water the plants #home{Enter}");
  await waitFor(() => expect(added).toEqual([expect.objectContaining({ title: "Water the plants #home" })]));
});

it("aborts the question about an older text", async () => {
  const signals: AbortSignal[] = [];
  parse.mockImplementation((_text, signal) => {
    if (signal) signals.push(signal);
    return new Promise(() => undefined);
  });
  const { title } = renderQuickAdd();
  await userEvent.type(title, "Water");
  await waitFor(() => expect(signals).toHaveLength(1));
  await userEvent.type(title, " the");
  expect(signals[0]?.aborted).toBe(true);
});

it("gives a task the date and the tag of the view in which it is added", async () => {
  const { title, added } = renderQuickAdd({ date: "2026-11-18", tags: ["work"] });
  await userEvent.type(title, "Call #home{Enter}");
  const due_at = new Date(2026, 10, 18).toISOString();
  await waitFor(() =>
    expect(added).toEqual([
      expect.objectContaining({ title: "Call", tags: ["home", "work"], due_at, all_day: true }),
    ]),
  );
});
