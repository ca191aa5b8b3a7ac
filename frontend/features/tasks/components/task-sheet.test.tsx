// @vitest-environment jsdom
import { QueryClient } from "@tanstack/react-query";
import { render, type RenderResult, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Task } from "@/lib/task";
import { sampleTask } from "@/testing/sample-task";
import { createTaskActions } from "../api/task-actions";
import { TaskSheet } from "./task-sheet";

const task = sampleTask({ id: "a", title: "Buy milk", updated_at: "2026-11-18T09:00:00.000001Z" });
const onClose = vi.fn();
const onUnsaved = vi.fn();
let view: RenderResult;
let stored: Task;
let requests: { version: string | null; body: unknown }[];

/** Behaves as the server does for PATCH with If-Match. */
async function server(_path: string, init: RequestInit): Promise<Response> {
  const version = new Headers(init.headers).get("if-match");
  const body = JSON.parse(String(init.body)) as Partial<Task>;
  requests.push({ version, body });
  if (version !== null && version !== `"${stored.updated_at}"`) {
    const problem = { status: 412, code: "task_changed", detail: "Changed.", current: stored };
    return Response.json(problem, { status: 412 });
  }
  stored = { ...stored, ...body, updated_at: `2026-11-18T10:00:00.00000${requests.length}Z` };
  return Response.json(stored);
}

async function saveTitle(title: string) {
  view = render(
    <TaskSheet
      task={task}
      knownTags={["home"]}
      actions={createTaskActions(new QueryClient())}
      onClose={onClose}
      onUnsaved={onUnsaved}
    />,
  );
  const field = screen.getByLabelText("Title");
  await userEvent.clear(field);
  await userEvent.type(field, title);
  expect(field).toHaveValue(title);
}

beforeEach(() => {
  localStorage.clear();
  stored = task;
  requests = [];
  onClose.mockReset();
  onUnsaved.mockReset();
  vi.stubGlobal("fetch", server);
  vi.stubGlobal("matchMedia", () => ({ matches: true }));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("saving a task", () => {
  it("names the version that was opened", async () => {
    await saveTitle("Buy bread");
    await screen.findByText("Saved");
    expect(onClose).not.toHaveBeenCalled();
    expect(requests).toEqual([{ version: `"${task.updated_at}"`, body: { title: "Buy bread" } }]);
  });

  it("merges with a change of other fields", async () => {
    stored = { ...task, priority: "high", updated_at: "2026-11-18T09:30:00Z" };
    await saveTitle("Buy bread");
    await screen.findByText("Saved");
    // What the other changed is shown, and is not changed back.
    expect(screen.getByRole("radio", { name: "High" })).toBeChecked();
    expect(stored).toMatchObject({ title: "Buy bread", priority: "high" });
    expect(requests.at(-1)?.version).toBe('"2026-11-18T09:30:00Z"');
  });
});

describe("the sheet", () => {
  it("begins in the title, and saves when it closes", async () => {
    await saveTitle("Buy bread");
    expect(screen.getByLabelText("Title")).toHaveFocus();
    view.unmount();
    await waitFor(() => expect(stored.title).toBe("Buy bread"));
    expect(onUnsaved).not.toHaveBeenCalled();
  });

  it("saves what was typed while it saved", async () => {
    await saveTitle("Buy bread");
    await screen.findByText("Saved");
    await userEvent.type(screen.getByLabelText("Title"), " and salt{Enter}");
    await waitFor(() => expect(onClose).toHaveBeenCalled());
    expect(stored.title).toBe("Buy bread and salt");
  });

  it("keeps the draft when it cannot be saved", async () => {
    vi.stubGlobal("fetch", async () => Response.json({ detail: "Not now." }, { status: 503 }));
    await saveTitle("Buy bread");
    expect(await screen.findByRole("alert")).toHaveTextContent("Not now.");
    view.unmount();
    await waitFor(() =>
      expect(onUnsaved).toHaveBeenCalledWith(expect.objectContaining({ title: "Buy bread" })),
    );
  });

  it("keeps a change that is made offline until it can be sent", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("offline")));
    await saveTitle("Buy bread");
    expect(await screen.findByText("Saved")).toBeVisible();
    expect(localStorage.getItem("draft:outbox")).toContain("Buy bread");
  });

  it("does not save an empty title", async () => {
    await saveTitle("x");
    await userEvent.clear(screen.getByLabelText("Title"));
    expect(await screen.findByText("Enter a title.")).toBeVisible();
    expect(stored.title).toBe("Buy milk");
  });

  it("reads a date in words", async () => {
    const due_at = new Date(2026, 11, 1, 17).toISOString();
    vi.stubGlobal("fetch", (path: string, init: RequestInit) =>
      path.endsWith("/parse")
        ? Promise.resolve(
            Response.json({ title: "X", due_at, all_day: false, recurrence: "FREQ=WEEKLY;BYDAY=TU" }),
          )
        : server(path, init),
    );
    await saveTitle("Buy milk");
    await userEvent.type(screen.getByLabelText("When"), "every tuesday 17:00{Enter}");
    await waitFor(() =>
      expect(stored).toMatchObject({ due_at, all_day: false, recurrence: "FREQ=WEEKLY;BYDAY=TU" }),
    );
    expect(screen.getByLabelText("Repeat")).toHaveDisplayValue("every Tuesday");
  });

  it("adds and removes tags", async () => {
    await saveTitle("Buy milk");
    await userEvent.type(screen.getByLabelText("Tags"), "shop{Enter}#home,");
    await waitFor(() => expect(stored.tags).toEqual(["shop", "home"]));
    await userEvent.click(screen.getByRole("button", { name: "Remove tag shop" }));
    await waitFor(() => expect(stored.tags).toEqual(["home"]));
  });
});

describe("a task that was changed elsewhere", () => {
  beforeEach(async () => {
    stored = { ...task, title: "Buy cheese", updated_at: "2026-11-18T09:30:00Z" };
    await saveTitle("Buy bread");
    const question = await screen.findByRole("alert", { name: "Changed elsewhere" });
    expect(question).toHaveTextContent("Yours: Buy bread");
    expect(question).toHaveTextContent("Other: Buy cheese");
    expect(onClose).not.toHaveBeenCalled();
  });

  it("can be overwritten", async () => {
    await userEvent.click(screen.getByRole("button", { name: "Keep mine" }));
    await screen.findByText("Saved");
    expect(requests.at(-1)?.version).toBe('"2026-11-18T09:30:00Z"');
    expect(stored.title).toBe("Buy bread");
  });

  it("can be left as it is", async () => {
    await userEvent.click(screen.getByRole("button", { name: "Use the other" }));
    expect(screen.getByLabelText("Title")).toHaveValue("Buy cheese");
    expect(requests).toHaveLength(1);
    expect(stored.title).toBe("Buy cheese");
  });
});
