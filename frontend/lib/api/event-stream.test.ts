// @vitest-environment node
import { describe, expect, it, vi } from "vitest";
import { readEventData } from "./event-stream";

/** Returns a stream that delivers the given chunks. */
function streamOf(...pieces: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces)
        controller.enqueue(typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
      controller.close();
    },
  });
}

const readAll = (...pieces: (string | Uint8Array)[]) => collect(readEventData(streamOf(...pieces)));

async function collect(events: AsyncIterable<string>): Promise<string[]> {
  const all = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("reading server-sent events", () => {
  it("yields the data of each event", async () => {
    expect(await readAll('data: {"a":1}\n\ndata: [DONE]\n\n')).toEqual(['{"a":1}', "[DONE]"]);
  });

  it("yields the same events however the bytes are split, also within a character", async () => {
    const bytes = new TextEncoder().encode(
      "data: Äpfel – 🍏\r\n\r\n: keep-alive\r\n\r\ndata: zwei\n\ndata: drei\r\r",
    );
    const whole = await readAll(bytes);
    expect(whole).toEqual(["Äpfel – 🍏", "zwei", "drei"]);
    for (let size = 1; size < bytes.length; size++) {
      const pieces = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
      expect(await readAll(...pieces), `in pieces of ${size} bytes`).toEqual(whole);
    }
  });

  it("joins several data lines and ignores comments and other fields", async () => {
    expect(await readAll(": hello\nevent: x\nid: 7\ndata: one\ndata:two\ndata\n\n")).toEqual(["one\ntwo\n"]);
  });

  it("yields nothing for an incomplete event", async () => {
    expect(await readAll("data: whole\n\ndata: ha")).toEqual(["whole"]);
    expect(await readAll("data: no empty line\n")).toEqual([]);
  });

  it("yields an event before the next one is sent", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const events = readEventData(readable);
    void writer.write(new TextEncoder().encode("data: first\n\n"));
    expect(await events.next()).toEqual({ done: false, value: "first" });
    void writer.close();
    expect((await events.next()).done).toBe(true);
  });

  it("cancels the stream when the consumer stops early", async () => {
    const cancel = vi.fn();
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode("data: x\n\n")),
      cancel,
    });
    for await (const data of readEventData(stream)) if (data === "x") break;
    expect(cancel).toHaveBeenCalled();
  });
});
