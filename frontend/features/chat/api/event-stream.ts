/** Reads server-sent events from a response. EventSource cannot POST, so the parsing is here. */

/**
 * Yields the data of each event as it arrives, however the bytes are cut; several data lines are joined by
 * newlines. Ends with the stream; cancels it where the reader stops early.
 */
export async function* readEventData(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  // The decoder keeps the bytes of a character that is cut in two, and drops a byte order mark.
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let rest = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
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
      // An event without its empty line was cut off and does not count.
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
