// @vitest-environment node
import { describe, expect, it } from "vitest";
import { applyStreamEvent, type Message, newReply, parseStreamEvent, type StreamEvent } from "./conversation";

const empty: Message = { ...newReply("k"), id: "local" };

const replyAfter = (...events: StreamEvent[]) => events.reduce(applyStreamEvent, empty);

describe("a streamed reply", () => {
  it("takes its id and its agent from the start event", () => {
    const reply = replyAfter({
      type: "start",
      messageId: "m1",
      conversation_id: "c1",
      agent: { name: "openai", model: "gpt-5" },
    });
    expect(reply).toMatchObject({ id: "m1", agent: "openai", model: "gpt-5" });
  });

  it("keeps text and tool calls in the order of their events", () => {
    const reply = replyAfter(
      { type: "text-start", id: "t1" },
      { type: "text-delta", id: "t1", delta: "One " },
      { type: "text-delta", id: "t1", delta: "moment." },
      { type: "text-end", id: "t1" },
      { type: "tool-input-available", toolCallId: "a", toolName: "add_task", input: { title: "x" } },
      { type: "tool-input-available", toolCallId: "b", toolName: "add_task", input: { title: "y" } },
      { type: "tool-output-error", toolCallId: "b", errorText: "no" },
      { type: "tool-output-available", toolCallId: "a", output: { task: 1 } },
      { type: "text-delta", id: "t2", delta: "Done." },
    );
    expect(reply.parts).toEqual([
      { type: "text", id: "t1", text: "One moment." },
      { type: "tool", toolCallId: "a", toolName: "add_task", input: { title: "x" }, output: { task: 1 } },
      { type: "tool", toolCallId: "b", toolName: "add_task", input: { title: "y" }, errorText: "no" },
      { type: "text", id: "t2", text: "Done." },
    ]);
  });

  it("ends as finished, or as failed with the reason as its text", () => {
    expect(replyAfter({ type: "finish" }).state).toBe("finished");
    const failed = replyAfter({ type: "error", errorText: "No." }, { type: "finish" });
    expect(failed).toMatchObject({ state: "failed", parts: [{ type: "text", text: "No." }] });
  });

  it("ignores unknown events of a newer server", () => {
    expect(parseStreamEvent("not json")).toBeNull();
    expect(parseStreamEvent('["text-delta"]')).toBeNull();
    expect(applyStreamEvent(empty, parseStreamEvent('{"type":"reasoning-delta"}')!)).toEqual(empty);
  });
});
