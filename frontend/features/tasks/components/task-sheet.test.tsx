// @vitest-environment jsdom
import { QueryClient } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Task } from "@/lib/task";
import { sampleTask } from "@/testing/sample-task";
import { createTaskActions } from "../api/task-actions";
import { TaskSheet } from "./task-sheet";

const task = sampleTask({ id: "a", title: "Buy milk", updated_at: "2026-11-18T09:00:00.000001Z" });
const onClose = vi.fn();
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
  render(<TaskSheet task={task} actions={createTaskActions(new QueryClient())} onClose={onClose} />);
  const field = screen.getByLabelText("Title");
  await userEvent.clear(field);
  await userEvent.type(field, title);
  await userEvent.click(screen.getByRole("button", { name: "Save changes" }));
}

beforeEach(() => {
  stored = task;
  requests = [];
  onClose.mockReset();
  vi.stubGlobal("fetch", server);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("saving a task", () => {
  it("names the version that was opened", async () => {
    await saveTitle("Buy bread");
    await waitFor(() => expect(onClose).toHaveBeenCalled());
    expect(requests).toEqual([{ version: `"${task.updated_at}"`, body: { title: "Buy bread" } }]);
  });

  it("merges with a change of other fields", async () => {
    stored = { ...task, priority: "high", updated_at: "2026-11-18T09:30:00Z" };
    await saveTitle("Buy bread");
    await waitFor(() => expect(onClose).toHaveBeenCalled());
    expect(stored).toMatchObject({ title: "Buy bread", priority: "high" });
    expect(requests.at(-1)?.version).toBe('"2026-11-18T09:30:00Z"');
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
    await waitFor(() => expect(onClose).toHaveBeenCalledWith());
    expect(requests.at(-1)?.version).toBe('"2026-11-18T09:30:00Z"');
    expect(stored.title).toBe("Buy bread");
  });

  it("can be left as it is", async () => {
    await userEvent.click(screen.getByRole("button", { name: "Use the other" }));
    await waitFor(() => expect(onClose).toHaveBeenCalledWith());
    expect(requests).toHaveLength(1);
    expect(stored.title).toBe("Buy cheese");
  });
});
