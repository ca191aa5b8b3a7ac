/**
 * The stream of events: one for each window, open while the window is visible. A window that becomes visible again
 * learns with `ready` to read its lists.
 */
import { openApi } from "./api/client";
import { readEventData } from "./api/event-stream";
import { type LiveEvent, reportLiveEvent } from "./live-events";

/** The server sends something every 15 seconds. */
const SILENCE_MS = 40_000;
const HIDDEN_MS = 30_000;
const RETRY_MS = { first: 1_000, longest: 60_000 };

/** Follows the events of the signed-in user until the returned function is called. */
export function followLiveEvents(): () => void {
  let connection: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  const connect = async () => {
    clearTimeout(timer);
    connection?.abort();
    const own = new AbortController();
    connection = own;
    await receive(own, () => (failures = 0)).catch(() => undefined);
    if (connection !== own) return;
    connection = null;
    if (document.hidden) return;
    // The windows of a server that stops do not all come back at once.
    const delay = Math.min(RETRY_MS.first * 2 ** failures++, RETRY_MS.longest);
    timer = setTimeout(() => void connect(), delay * (0.5 + Math.random()));
  };
  const disconnect = () => {
    clearTimeout(timer);
    const own = connection;
    connection = null;
    own?.abort();
  };
  const onVisibility = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(disconnect, HIDDEN_MS);
    else if (!connection) void connect();
  };
  const onOnline = () => void connect();

  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("online", onOnline);
  if (!document.hidden) void connect();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    window.removeEventListener("online", onOnline);
    disconnect();
  };
}

/** Passes the events of one connection on, until it ends or is silent for too long. */
async function receive(connection: AbortController, onReady: () => void): Promise<void> {
  let silence: ReturnType<typeof setTimeout> | undefined;
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(() => connection.abort(), SILENCE_MS);
  };
  listen();
  try {
    const response = await openApi("/api/events", { signal: connection.signal });
    if (!response.body) return;
    for await (const data of readEventData(response.body, listen)) {
      const event = JSON.parse(data) as LiveEvent;
      if (event.kind === "ready") onReady();
      reportLiveEvent(event);
    }
  } finally {
    clearTimeout(silence);
  }
}
