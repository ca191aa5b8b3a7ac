// @vitest-environment jsdom
import { QueryClient } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Toaster } from "@/components/ui/toaster";
import { sampleTask } from "@/testing/sample-task";
import { createTaskActions, type TaskActions } from "./task-actions";

const task = sampleTask({ id: "a", title: "Buy milk and much more than fits into a short message" });
const fetch = vi.fn<() => Promise<Response>>();
let actions: TaskActions;

const refuse = () => fetch.mockResolvedValueOnce(Response.json({ detail: "Not now." }, { status: 503 }));

beforeEach(() => {
  fetch.mockReset().mockResolvedValue(Response.json(task));
  vi.stubGlobal("fetch", fetch);
  actions = createTaskActions(new QueryClient());
  render(<Toaster />);
});
afterEach(async () => {
  for (const button of screen.queryAllByRole("button", { name: "Dismiss" })) await userEvent.click(button);
  vi.unstubAllGlobals();
});

describe("the message of a failed change", () => {
  it("names the task, the result and the reason, and replaces the message of success", async () => {
    let answer!: (response: Response) => void;
    fetch.mockReturnValueOnce(new Promise((resolve) => void (answer = resolve)));
    const result = actions.complete(task);
    expect(await screen.findByText(/^Completed ‘Buy milk/)).toBeVisible();
    answer(Response.json({ detail: "Not now." }, { status: 503 }));
    expect(await result).toBe(false);
    expect(
      await screen.findByText("‘Buy milk and much more than fits into a…’ is still open. Not now."),
    ).toBeVisible();
    expect(screen.queryByText(/^Completed/)).toBeNull();
  });

  it("retries the change", async () => {
    refuse();
    await actions.reopen(task);
    await userEvent.click(await screen.findByRole("button", { name: "Try again" }));
    await waitFor(() => expect(fetch).toHaveBeenCalledTimes(2));
    expect(fetch).toHaveBeenLastCalledWith("/api/tasks/a/reopen", expect.anything());
    await waitFor(() => expect(screen.queryByText(/is still completed/)).toBeNull());
  });

  it("offers no retry for a task that was deleted elsewhere", async () => {
    fetch.mockResolvedValueOnce(new Response(null, { status: 404 }));
    expect(await actions.undo(task, "a step")).toBe(false);
    expect(await screen.findByText(/was deleted elsewhere\.$/)).toBeVisible();
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  });

  it("does not appear for a deleted task that is already gone", async () => {
    fetch.mockResolvedValueOnce(new Response(null, { status: 404 }));
    expect(await actions.remove(task)).toBe(true);
    expect(await screen.findByText(/^Deleted/)).toBeVisible();
  });

  it("says that a task was not restored", async () => {
    refuse();
    expect(await actions.restore(task)).toBe(false);
    expect(await screen.findByText(/was not restored\. Not now\.$/)).toBeVisible();
  });
});
