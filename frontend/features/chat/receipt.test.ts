// @vitest-environment node
import { beforeEach, describe, expect, it, vi } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import type { ToolPart } from "./conversation";
import { receiptOf } from "./receipt";

const now = new Date("2026-11-21T09:00:00Z");

const call = (toolName: string, result: Partial<ToolPart> = {}): ToolPart => ({
  type: "tool",
  toolCallId: "call",
  toolName,
  input: {},
  ...result,
});

describe("the receipt of a tool call", () => {
  beforeEach(() => void vi.stubEnv("TZ", "Europe/Berlin"));

  it("shows the title, due date and priority of an added task", () => {
    const task = sampleTask({ title: "Buy milk", due_at: "2026-11-22T16:00:00Z", priority: "high" });
    expect(receiptOf(call("add_task", { output: { task } }), now)).toEqual({
      state: "done",
      text: "Added ‘Buy milk’, tomorrow 17:00, high priority",
      task,
      step: null,
    });
  });

  it("names the step that undoes it, also after a reload", () => {
    const output = { task: sampleTask(), step: "reply a" };
    expect(receiptOf(call("add_task", { output }), now).step).toBe("reply a");
  });

  it("names the right act", () => {
    const task = sampleTask({ title: "Rent" });
    const reopened = call("complete_task", { input: { id: "a", completed: false }, output: { task } });
    expect(receiptOf(reopened, now).text).toBe("Reopened ‘Rent’");
    expect(receiptOf(call("undo", { output: { step: "s", changes: [{}, {}] } }), now).text).toBe(
      "Undone: 2 changes",
    );
  });

  it("shows only the day of a task without a time", () => {
    const task = sampleTask({ title: "Rent", due_at: "2026-11-29T23:00:00Z", all_day: true });
    expect(receiptOf(call("update_task", { output: { task } }), now).text).toBe("Updated ‘Rent’, Mon 30 Nov");
  });

  it("omits the due date of a completed or deleted task", () => {
    const task = sampleTask({ title: "Rent", due_at: "2026-11-29T23:00:00Z" });
    expect(receiptOf(call("complete_task", { output: { task } }), now).text).toBe("Completed ‘Rent’");
    expect(receiptOf(call("delete_task", { output: { task } }), now).text).toBe("Deleted ‘Rent’");
  });

  it("shows a call that changes nothing before the user says yes", () => {
    const output = { confirmation: "Delete ‘Rent’", note: "Not done." };
    expect(receiptOf(call("delete_task", { output }), now)).toEqual({
      state: "waiting",
      text: "Needs your yes: Delete ‘Rent’",
      task: null,
      step: null,
    });
  });

  it("shows the number of tasks that were found", () => {
    expect(receiptOf(call("list_tasks", { output: { tasks: [sampleTask()], total: 31 } }), now).text).toBe(
      "Found 31 tasks",
    );
    expect(receiptOf(call("list_tasks", { output: { tasks: [sampleTask()] } }), now).text).toBe(
      "Found 1 task",
    );
  });

  it("shows a running and a failed call", () => {
    expect(receiptOf(call("add_task"), now)).toMatchObject({ state: "running", text: "Adding a task…" });
    expect(receiptOf(call("delete_task", { errorText: "there is no such task" }), now)).toMatchObject({
      state: "failed",
      text: "Could not delete the task: there is no such task",
    });
  });

  it("describes unknown tools and outputs", () => {
    expect(receiptOf(call("snooze_task", { output: { ok: true } }), now).text).toBe("Ran snooze task");
    expect(receiptOf(call("add_task", { output: { task: { id: 7 } } }), now)).toMatchObject({
      text: "Added",
      task: null,
    });
    expect(receiptOf(call("add_task", { output: null }), now).state).toBe("done");
  });
});
