/** Parses server-sent events from a response: EventSource sends no POST request and reports no status. */

/**
 * Yields the data of each event as soon as it is complete, however the bytes are split. Joins several data lines with
 * newlines. Cancels the stream when the consumer stops early.
 *
 * @param onBytes called whenever something arrives, also a comment.
 */
export async function* readEventData(
  stream: ReadableStream<Uint8Array>,
  onBytes?: () => void,
): AsyncGenerator<string> {
  // The decoder keeps the bytes of a split character and drops a byte order mark.
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let rest = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      onBytes?.();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      for (;;) {
        const end = /\r\n|\r|\n/.exec(rest);
        // A CR at the very end may be the first half of a CRLF.
        if (!end || (!done && end[0] === "\r" && end.index === rest.length - 1)) break;
        const line = rest.slice(0, end.index);
        rest = rest.slice(end.index + end[0].length);
        if (line === "") {
          if (data.length > 0) yield data.join("\n");
          data = [];
        } else if (line === "data" || line.startsWith("data:")) {
          data.push(line.slice("data:".length).replace(/^ /, ""));
        }
      }
      // An event without its final empty line is incomplete and is dropped.
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
