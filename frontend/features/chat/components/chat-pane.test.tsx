// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createRef } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import { ChatPane } from "./chat-pane";
import { newMessage, newReply, type StreamEvent } from "../conversation";

/** A fake chat server: stored conversations, and replies that the test streams step by step. */
class Server {
  conversations: unknown[] = [];
  stored: Record<string, unknown> = {};
  readonly sent: { body: Record<string, unknown>; reply: Reply }[] = [];
  readonly stopped: string[] = [];
  readonly requests: string[] = [];
  answer: "stream" | "offline" | number = "stream";

  fetch = async (path: string, init: RequestInit = {}): Promise<Response> => {
    this.requests.push(`${init.method ?? "GET"} ${path}`);
    if (path.startsWith("/api/conversations?"))
      return Response.json({ items: this.conversations, next_cursor: null });
    if (init.method === "DELETE") return new Response(null, { status: 204 });
    if (path.endsWith("/stop")) {
      this.stopped.push(path.split("/").at(-2) ?? "");
      return new Response(null, { status: 204 });
    }
    if (path.startsWith("/api/conversations/"))
      return Response.json(this.stored[path.split("/").at(-1) ?? ""]);
    const reply = new Reply(init.signal ?? null);
    this.sent.push({ body: JSON.parse(String(init.body)) as Record<string, unknown>, reply });
    if (this.answer === "offline") throw new TypeError("Failed to fetch");
    if (this.answer !== "stream") return Response.json({ detail: "Refused." }, { status: this.answer });
    return new Response(reply.body, { headers: { "content-type": "text/event-stream" } });
  };
}

class Reply {
  private controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly body: ReadableStream<Uint8Array>;

  constructor(signal: AbortSignal | null) {
    this.body = new ReadableStream({ start: (controller) => void (this.controller = controller) });
    signal?.addEventListener("abort", () => this.controller.error(signal.reason));
  }

  send(...events: StreamEvent[]) {
    for (const event of events) this.write(`data: ${JSON.stringify(event)}\n\n`);
  }

  finish() {
    this.send({ type: "finish" });
    this.write("data: [DONE]\n\n");
    this.controller.close();
  }

  breakOff() {
    this.controller.error(new TypeError("network error"));
  }

  private write(text: string) {
    this.controller.enqueue(new TextEncoder().encode(text));
  }
}

let server: Server;
const onToolResult = vi.fn();
const onUndo = vi.fn(async () => true);
const onInterrupted = vi.fn();
const onShowTask = vi.fn();

function renderChat() {
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <ChatPane
        takesFocus={false}
        composerRef={createRef()}
        onToolResult={onToolResult}
        onUndo={onUndo}
        onInterrupted={onInterrupted}
        onShowTask={onShowTask}
        onFold={() => undefined}
      />
    </QueryClientProvider>,
  );
}

async function say(message: string) {
  await userEvent.type(screen.getByRole("textbox", { name: "Message" }), `${message}{Enter}`);
  await waitFor(() => expect(server.sent.length).toBeGreaterThan(0));
  return server.sent.at(-1)!;
}

/** Waits for the first, second, … request. Retries are one second apart. */
async function nextRequest(number: number) {
  await waitFor(() => expect(server.sent).toHaveLength(number), { timeout: 3_000 });
  return server.sent[number - 1]!;
}

const start: StreamEvent = {
  type: "start",
  messageId: "m1",
  conversation_id: "c1",
  agent: { name: "offline", model: null },
};
const log = () => screen.getByRole("log", { name: "Conversation" });

beforeEach(() => {
  server = new Server();
  vi.stubGlobal("fetch", server.fetch);
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
  sessionStorage.clear();
  localStorage.clear();
  for (const mock of [onToolResult, onInterrupted, onShowTask]) mock.mockClear();
});
afterEach(() => void vi.unstubAllGlobals());

describe("an empty chat", () => {
  it("offers three example messages and sends the chosen one", async () => {
    renderChat();
    const examples = await screen.findAllByRole("listitem");
    expect(examples).toHaveLength(3);
    await userEvent.click(within(examples[0]!).getByRole("button"));
    await waitFor(() =>
      expect(server.sent[0]?.body.message).toBe("add buy milk tomorrow at 5pm, high priority"),
    );
  });
});

describe("a message", () => {
  it("is sent with the time zone and a key, and its reply appears as it streams", async () => {
    renderChat();
    const { body, reply } = await say("hello");
    expect(body).toMatchObject({
      message: "hello",
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    });
    expect(body.idempotency_key).toMatch(/^[0-9a-f]{32}$/);
    expect(body).not.toHaveProperty("conversation_id");
    reply.send(start, { type: "text-start", id: "t" }, { type: "text-delta", id: "t", delta: "Good " });
    await waitFor(() => expect(log()).toHaveTextContent("Good"));
    expect(screen.getByRole("button", { name: "Stop" })).toBeVisible();
    reply.send({ type: "text-delta", id: "t", delta: "morning." });
    reply.finish();
    await screen.findByRole("button", { name: "Send" });
    expect(log()).toHaveTextContent("Good morning.");
    expect(log()).toHaveTextContent("Offline agent");

    const second = await say("and more");
    expect(second.body.conversation_id).toBe("c1");
    expect(second.body.idempotency_key).not.toBe(body.idempotency_key);
  });

  it("shows a receipt that links to the task and can be undone", async () => {
    renderChat();
    const { reply } = await say("add milk");
    const task = sampleTask({ title: "Milk" });
    reply.send(start, { type: "tool-input-available", toolCallId: "x", toolName: "add_task", input: {} });
    await screen.findByText("Adding a task…");
    reply.send({ type: "tool-output-available", toolCallId: "x", output: { task, step: "s" } });
    await userEvent.click(await screen.findByRole("button", { name: "Added ‘Milk’" }));
    expect(onToolResult).toHaveBeenCalledWith({
      toolCallId: "x",
      toolName: "add_task",
      output: { task, step: "s" },
    });
    expect(onShowTask).toHaveBeenCalledWith(task);
    await userEvent.click(screen.getByRole("button", { name: "Undo" }));
    expect(onUndo).toHaveBeenCalledExactlyOnceWith(task, "s");
    await waitFor(() => expect(screen.queryByRole("button", { name: "Undo" })).toBeNull());
  });

  it("can be stopped, which keeps the received text and reloads the tasks", async () => {
    renderChat();
    const { reply } = await say("think");
    reply.send(start, { type: "text-start", id: "t" }, { type: "text-delta", id: "t", delta: "Let me" });
    await waitFor(() => expect(log()).toHaveTextContent("Let me"));
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    await screen.findByText("Stopped");
    expect(log()).toHaveTextContent("Let me");
    expect(screen.queryByRole("alert")).toBeNull();
    expect(onInterrupted).toHaveBeenCalled();
  });
});

describe("Stop", () => {
  it("does not send the message that is being typed", async () => {
    renderChat();
    await say("think");
    await userEvent.type(screen.getByRole("textbox", { name: "Message" }), "half a thou");
    const stop = screen.getByRole("button", { name: "Stop" });
    await userEvent.click(stop);
    // A browser submits the form when the clicked element itself becomes the button that sends.
    expect(await screen.findByRole("button", { name: "Send" })).not.toBe(stop);
    expect(server.sent).toHaveLength(1);
    expect(screen.getByRole("textbox", { name: "Message" })).toHaveValue("half a thou");
  });

  it("says so when the reply has not begun", async () => {
    renderChat();
    await say("think");
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    expect(await screen.findByText("Stopped")).toBeVisible();
  });
});

describe("messages that were not sent", () => {
  const notSent = () => screen.queryAllByRole("alert").map((alert) => alert.textContent);

  it("are each marked and keep their order, while later messages are sent", async () => {
    renderChat();
    server.answer = 429;
    await say("first");
    await screen.findByText(/Not sent. Refused/);
    await say("second");
    await waitFor(() => expect(notSent()).toHaveLength(2));
    server.answer = "stream";
    const { reply } = await say("third");
    reply.send(start, { type: "text-delta", id: "t", delta: "Done." });
    reply.finish();
    await waitFor(() => expect(log()).toHaveTextContent("Done."));
    expect(notSent()).toHaveLength(2);
    const words = log().textContent ?? "";
    expect(words.indexOf("first")).toBeLessThan(words.indexOf("second"));

    await userEvent.click(screen.getAllByRole("button", { name: "Send again" })[0]!);
    const again = await nextRequest(4);
    expect(again.body).toMatchObject({ message: "first", conversation_id: "c1" });
    expect(again.body.idempotency_key).toBe(server.sent[0]?.body.idempotency_key);
    again.reply.send({ ...start, messageId: "m2" }, { type: "text-delta", id: "t", delta: "Also done." });
    again.reply.finish();
    await waitFor(() => expect(notSent()).toHaveLength(1));
    expect(within(log()).getAllByText("first")).toHaveLength(1);
  });

  it("survive a reload", async () => {
    server.conversations = [{ id: "c9", title: "old", created_at: "", updated_at: "" }];
    server.stored = { c9: { id: "c9", title: "old", messages: [] } };
    server.answer = "offline";
    renderChat();
    await userEvent.click(await screen.findByRole("button", { name: "New conversation" }));
    await say("write this down");
    await waitFor(() => expect(notSent()).toHaveLength(1));
    cleanup();
    renderChat();
    expect(await screen.findByText("write this down")).toBeVisible();
    expect(notSent()).toHaveLength(1);
  });

  it("are sent in their order when the network is back", async () => {
    server.answer = "offline";
    renderChat();
    await say("first");
    await waitFor(() => expect(notSent()).toHaveLength(1));
    await say("second");
    await waitFor(() => expect(notSent()).toHaveLength(2));
    server.answer = "stream";
    window.dispatchEvent(new Event("online"));
    for (const [index, message] of ["first", "second"].entries()) {
      const { body, reply } = await nextRequest(3 + index);
      expect(body.message).toBe(message);
      reply.send({ ...start, messageId: `m${index}` }, { type: "text-delta", id: "t", delta: "Done." });
      reply.finish();
    }
    await waitFor(() => expect(notSent()).toHaveLength(0));
  });
});

describe("an interrupted reply", () => {
  it("is requested again with the same key and replaces the partial text", async () => {
    renderChat();
    const { body, reply } = await say("add milk");
    reply.send(start, { type: "text-start", id: "t" }, { type: "text-delta", id: "t", delta: "Half" });
    await waitFor(() => expect(log()).toHaveTextContent("Half"));
    reply.breakOff();
    const again = await nextRequest(2);
    expect(again.body).toEqual({ ...body, conversation_id: "c1" });
    again.reply.send(start, { type: "text-start", id: "t" }, { type: "text-delta", id: "t", delta: "Whole" });
    again.reply.finish();
    await waitFor(() => expect(log()).toHaveTextContent("Whole"));
    expect(log()).not.toHaveTextContent("Half");
    expect(within(log()).getAllByText("add milk")).toHaveLength(1);
    expect(screen.queryByRole("alert")).toBeNull();
    expect(onInterrupted).not.toHaveBeenCalled();
  });

  it("is requested again when its server stops, also while no other server is ready", async () => {
    renderChat();
    const { reply } = await say("add milk");
    server.answer = 503;
    reply.send(start, { type: "abort", reason: "This server is being replaced." });
    const refused = await nextRequest(2);
    server.answer = 409;
    await nextRequest(3);
    server.answer = "stream";
    const again = await nextRequest(4);
    expect(again.body).toEqual(refused.body);
    again.reply.send(start, { type: "text-delta", id: "t", delta: "Whole" });
    again.reply.finish();
    await waitFor(() => expect(log()).toHaveTextContent("Whole"));
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("is not requested again after the user stops it", async () => {
    renderChat();
    const { reply } = await say("add milk");
    reply.send(start, { type: "text-delta", id: "t", delta: "Half" }, { type: "abort" });
    await waitFor(() => expect(log()).toHaveTextContent("Half"));
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    await screen.findByText("Stopped", undefined, { timeout: 3_000 });
    expect(server.sent).toHaveLength(1);
  });

  it("can be retried by the user when automatic retries fail", async () => {
    renderChat();
    const { body, reply } = await say("add milk");
    server.answer = 404;
    reply.send(start);
    reply.breakOff();
    await nextRequest(2);
    server.answer = "stream";
    await userEvent.click(await screen.findByRole("button", { name: "Try again" }));
    expect((await nextRequest(3)).body.idempotency_key).toBe(body.idempotency_key);
    expect(onInterrupted).toHaveBeenCalledOnce();
  });

  it("reports a missing network", async () => {
    server.answer = "offline";
    renderChat();
    await say("add milk");
    expect(await screen.findByRole("alert")).toHaveTextContent("Not sent. No connection to the server.");
  });

  it("is answered again with the same key after a failure", async () => {
    renderChat();
    const { body, reply } = await say("add milk");
    reply.send(start, { type: "error", errorText: "The model is overloaded." });
    reply.finish();
    await waitFor(() => expect(log()).toHaveTextContent("The model is overloaded.Interrupted · Try again"));
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    const again = await nextRequest(2);
    expect(again.body).toMatchObject({ idempotency_key: body.idempotency_key, retry: true });
    again.reply.send(start, { type: "text-delta", id: "t", delta: "Added." });
    again.reply.finish();
    await waitFor(() => expect(log()).toHaveTextContent("Added."));
    expect(log()).not.toHaveTextContent("overloaded");
    expect(within(log()).getAllByText("add milk")).toHaveLength(1);
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  });

  it("is marked and can go on after a reload", async () => {
    const said = { ...newMessage("add milk", "k1"), id: "u1" };
    const reply = { ...newReply("k1"), id: "m1", agent: "openai", model: "gpt-5" };
    const conversation = { id: "c1", title: "add milk", created_at: "", updated_at: "" };
    server.conversations = [conversation];
    server.stored = { c1: { ...conversation, messages: [said, { ...reply, state: "interrupted" }] } };
    renderChat();
    await waitFor(() => expect(log()).toHaveTextContent("Interrupted"));
    expect(log()).toHaveTextContent(/OpenAI · gpt-5 · \d\d:\d\d/);
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    const { body } = await nextRequest(1);
    expect(body).toMatchObject({ message: "add milk", idempotency_key: "k1", conversation_id: "c1" });
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    await screen.findByText("Stopped");
    expect(server.stopped).toEqual(["c1"]);
  });

  it("returns to the input when the session has ended", async () => {
    server.answer = 401;
    renderChat();
    await say("add milk");
    await waitFor(() => expect(screen.getByRole("textbox", { name: "Message" })).toHaveValue("add milk"));
  });
});

describe("the last message", () => {
  it("can be edited, and the answer to it stays in the conversation", async () => {
    renderChat();
    const { body, reply } = await say("add milk");
    reply.send(start, { type: "text-delta", id: "t", delta: "Added milk." });
    reply.finish();
    await userEvent.click(await screen.findByRole("button", { name: "Edit this message" }));
    const input = screen.getByRole("textbox", { name: "Message" });
    expect(input).toHaveValue("add milk");
    await userEvent.keyboard("{Escape}");
    expect(input).toHaveValue("");
    await userEvent.keyboard("{ArrowUp}");
    await userEvent.type(input, " and bread{Enter}");
    const again = await nextRequest(2);
    expect(again.body).toMatchObject({ message: "add milk and bread", replaces: body.idempotency_key });
    again.reply.send({ ...start, messageId: "m2" }, { type: "text-delta", id: "t", delta: "Added both." });
    again.reply.finish();
    await waitFor(() => expect(log()).toHaveTextContent(/add milkEdited below.*Added milk.*Added both/));
    expect((await say("more")).body).not.toHaveProperty("replaces");
  });
});

describe("the list of conversations", () => {
  it("searches, renames and deletes", async () => {
    const conversation = { id: "c1", title: "add milk", created_at: "", updated_at: "2026-11-20T09:00:00Z" };
    server.conversations = [conversation];
    server.stored = { c1: { ...conversation, messages: [newMessage("add milk", "k1")] } };
    renderChat();
    await userEvent.click(await screen.findByRole("button", { name: "Conversations" }));
    await userEvent.type(await screen.findByRole("searchbox", { name: "Search conversations" }), "milk");
    await waitFor(() => expect(server.requests).toContain("GET /api/conversations?limit=50&q=milk"));
    await userEvent.click(screen.getByRole("button", { name: "Rename ‘add milk’" }));
    await userEvent.clear(screen.getByRole("textbox", { name: "Title" }));
    await userEvent.type(screen.getByRole("textbox", { name: "Title" }), "Food{Enter}");
    await waitFor(() => expect(server.requests).toContain("PATCH /api/conversations/c1"));
    await userEvent.click(await screen.findByRole("button", { name: "Delete ‘add milk’" }));
    expect(screen.getByText(/This cannot be undone. Its tasks stay./)).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Delete conversation" }));
    await waitFor(() => expect(server.requests).toContain("DELETE /api/conversations/c1"));
    await waitFor(() => expect(log()).not.toHaveTextContent("add milk"));
  });
});

describe("earlier conversations", () => {
  const stored = (id: string, text: string) => ({
    id,
    title: text,
    created_at: "2026-11-20T09:00:00Z",
    updated_at: "2026-11-20T09:00:00Z",
    messages: [{ ...newMessage(text, id), id: `${id}-1` }],
  });

  it("continue with the most recent one until the user starts a new one", async () => {
    server.conversations = [stored("c2", "the last one"), stored("c1", "an older one")];
    server.stored = { c2: stored("c2", "the last one") };
    renderChat();
    await waitFor(() => expect(log()).toHaveTextContent("the last one"));
    const { body, reply } = await say("go on");
    expect(body.conversation_id).toBe("c2");
    reply.send({ ...start, conversation_id: "c2" });
    reply.finish();
    await userEvent.click(screen.getByRole("button", { name: "New conversation" }));
    expect(log()).not.toHaveTextContent("the last one");
    expect((await say("something else")).body).not.toHaveProperty("conversation_id");
  });
});
