// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type LiveEvent, onLiveEvent } from "./live-events";
import { followLiveEvents } from "./live-stream";

type Connection = { send: (text: string) => void; end: () => void; signal: AbortSignal };

let connections: Connection[];
let received: LiveEvent[];
let stop: () => void;

function connect(_: string, { signal }: { signal: AbortSignal }): Promise<Response> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      connections.push({
        send: (text) => controller.enqueue(new TextEncoder().encode(text)),
        end: () => controller.close(),
        signal,
      });
      signal.addEventListener("abort", () => controller.error(signal.reason));
    },
  });
  return Promise.resolve(new Response(body));
}

function hide(hidden: boolean) {
  vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  document.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  vi.stubGlobal("fetch", connect);
  connections = [];
  received = [];
  const forget = onLiveEvent((event) => received.push(event));
  const unfollow = followLiveEvents();
  stop = () => [unfollow, forget].forEach((end) => end());
});
afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("the stream of events", () => {
  it("reaches every listener", async () => {
    connections[0]!.send(
      'data: {"kind":"ready"}\n\n: heartbeat\n\ndata: {"kind":"tasks","id":"a","at":"t"}\n\n',
    );
    await vi.advanceTimersByTimeAsync(0);
    expect(received).toEqual([{ kind: "ready" }, { kind: "tasks", id: "a", at: "t" }]);
  });

  it("is opened again, later after each failure, and at once after a success", async () => {
    for (const [number, delay] of [1_000, 2_000, 4_000].entries()) {
      connections[number]!.end();
      await vi.advanceTimersByTimeAsync(delay - 1);
      expect(connections).toHaveLength(number + 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(connections).toHaveLength(number + 2);
    }
    connections[3]!.send('data: {"kind":"ready"}\n\n');
    await vi.advanceTimersByTimeAsync(0);
    connections[3]!.end();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connections).toHaveLength(5);
  });

  it("is replaced when it is silent for longer than the server ever is", async () => {
    await vi.advanceTimersByTimeAsync(30_000);
    connections[0]!.send(": heartbeat\n\n");
    await vi.advanceTimersByTimeAsync(30_000);
    expect(connections).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(11_000);
    expect(connections[0]!.signal.aborted).toBe(true);
    expect(connections).toHaveLength(2);
  });

  it("is closed while the window is hidden, and open when it is shown", async () => {
    hide(true);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(connections[0]!.signal.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connections).toHaveLength(1);
    hide(false);
    expect(connections).toHaveLength(2);
  });

  it("stays open when the window is hidden for a moment", async () => {
    hide(true);
    await vi.advanceTimersByTimeAsync(5_000);
    hide(false);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(connections[0]!.signal.aborted).toBe(false);
  });
});
