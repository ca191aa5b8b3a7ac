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

  it("says what was added, for when and how urgent", () => {
    const task = sampleTask({ title: "Buy milk", due_at: "2026-11-22T16:00:00Z", priority: "high" });
    expect(receiptOf(call("add_task", { output: { task } }), now)).toEqual({
      state: "done",
      text: "Added ‘Buy milk’, tomorrow 17:00, high priority",
      task,
    });
  });

  it("names the day alone for a task without a time", () => {
    const task = sampleTask({ title: "Rent", due_at: "2026-11-29T23:00:00Z", all_day: true });
    expect(receiptOf(call("update_task", { output: { task } }), now).text).toBe("Changed ‘Rent’, Mon 30 Nov");
  });

  it("says that something was completed or deleted, without its date", () => {
    const task = sampleTask({ title: "Rent", due_at: "2026-11-29T23:00:00Z" });
    expect(receiptOf(call("complete_task", { output: { task } }), now).text).toBe("Completed ‘Rent’");
    expect(receiptOf(call("delete_task", { output: { task } }), now).text).toBe("Deleted ‘Rent’");
  });

  it("counts what was looked at", () => {
    expect(receiptOf(call("list_tasks", { output: { tasks: [sampleTask()], total: 31 } }), now).text).toBe(
      "Looked at 31 tasks",
    );
    expect(receiptOf(call("list_tasks", { output: { tasks: [sampleTask()] } }), now).text).toBe(
      "Looked at 1 task",
    );
  });

  it("says what is under way and what failed", () => {
    expect(receiptOf(call("add_task"), now)).toMatchObject({ state: "running", text: "Adding a task…" });
    expect(receiptOf(call("delete_task", { errorText: "there is no such task" }), now)).toMatchObject({
      state: "failed",
      text: "Could not delete the task: there is no such task",
    });
  });

  it("has a sentence for tools and outputs it does not know", () => {
    expect(receiptOf(call("snooze_task", { output: { ok: true } }), now).text).toBe("Ran snooze task");
    expect(receiptOf(call("add_task", { output: { task: { id: 7 } } }), now)).toMatchObject({
      text: "Added",
      task: null,
    });
    expect(receiptOf(call("add_task", { output: null }), now).state).toBe("done");
  });
});
