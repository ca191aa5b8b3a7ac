/** Calls to /api/tasks/parse, which reads a task from a sentence. */
import { callApi } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { timeZone } from "@/lib/calendar";

export type ParsedTask = components["schemas"]["ParsedTask"];

/** Returns the fields that the server's grammar finds in a text. */
export function parseTask(text: string, signal?: AbortSignal): Promise<ParsedTask> {
  return callApi("/api/tasks/parse", { method: "POST", body: { text, time_zone: timeZone() }, signal });
}
