// @vitest-environment jsdom
import { act, render, screen, waitFor } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import { newReply } from "../conversation";
import { ReceiptView } from "./receipt-view";
import { MessageView, Waiting } from "./message-view";

afterEach(() => void vi.useRealTimers());

describe("a reply", () => {
  it("loads and runs nothing that a model or a task wrote", async () => {
    const hostile = [
      "![x](https://evil.example/a.png)",
      "[click](javascript:alert(1)) https://evil.example",
      '<img src="https://evil.example/b.png" onerror="alert(1)"><script>alert(1)</script>',
      "<iframe src=//evil.example></iframe><style>@import url(//evil.example)</style>",
    ].join("\n");
    const { container } = render(
      <MessageView
        message={{
          ...newReply("m"),
          model: hostile,
          state: "interrupted",
          agent: hostile,
          parts: [
            { type: "text", text: hostile },
            {
              type: "tool",
              toolCallId: "c",
              toolName: hostile,
              input: {},
              output: { confirmation: hostile },
            },
            { type: "tool", toolCallId: "d", toolName: "add_task", input: {}, errorText: hostile },
          ],
        }}
        isStreaming={false}
        onEdit={null}
        onRetry={undefined}
        onShowTask={() => {}}
        onUndo={() => Promise.resolve(true)}
      />,
    );
    // The receipts load with the first one.
    await waitFor(() => expect(container.querySelectorAll("svg")).not.toHaveLength(0));
    expect(container.textContent).toContain(hostile);
    const elements = new Set(
      [...container.querySelectorAll("*:not(svg *)")].map((element) => element.localName),
    );
    expect(elements).toEqual(new Set(["div", "p", "span", "svg"]));
    const attributes = [...container.querySelectorAll("*")].flatMap((element) => element.getAttributeNames());
    expect(attributes.filter((name) => /^(on|src|href|style|action)/.test(name))).toEqual([]);
  });

  it("does not offer Undo for a change that was undone", () => {
    const part = { type: "tool", toolName: "add_task", input: {}, output: { task: sampleTask(), step: "s" } };
    const receipt = { onShowTask: () => {}, onUndo: () => Promise.resolve(true) };
    const view = (undone: boolean) => (
      <ReceiptView part={{ ...part, type: "tool", toolCallId: "c", undone }} {...receipt} />
    );
    const { rerender } = render(view(false));
    expect(screen.getByRole("button", { name: "Undo" })).toBeInTheDocument();
    rerender(view(true));
    expect(screen.queryByRole("button", { name: "Undo" })).toBeNull();
  });

  it("says a word when nothing arrives for fifteen seconds", () => {
    vi.useFakeTimers();
    const { rerender } = render(<Waiting progress={1} />);
    act(() => void vi.advanceTimersByTime(14_000));
    rerender(<Waiting progress={2} />);
    act(() => void vi.advanceTimersByTime(14_000));
    expect(screen.queryByText("Still waiting for an answer")).toBeNull();
    act(() => void vi.advanceTimersByTime(2_000));
    expect(screen.getByText("Still waiting for an answer")).toBeInTheDocument();
    rerender(<Waiting progress={3} />);
    expect(screen.queryByText("Still waiting for an answer")).toBeNull();
  });
});
