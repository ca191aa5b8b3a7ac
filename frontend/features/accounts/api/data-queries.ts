/** Imports of files, and the secret address of the calendar. */
"use client";

import { useQuery } from "@tanstack/react-query";
import { callApi } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { useChange } from "./settings-queries";

export type Imported = components["schemas"]["Imported"];
type CalendarStatus = components["schemas"]["CalendarStatus"];
type NewCalendarAddress = components["schemas"]["NewCalendarAddress"];

const CALENDAR = ["settings", "calendar"];
/** The largest file that is sent as it is; the server accepts 1 MiB. */
const LARGEST_PLAIN_BYTES = 1_000_000;

/** Returns what an import of a file would do. */
export const usePreview = () => useChange((file: File) => send(file, "preview=true"));

/** Imports the rows of a file that are understood: the preview has shown the others. */
export const useImport = (onDone: () => void) =>
  useChange((file: File) => send(file, "on_error=skip"), { onDone });

export const useUndoImport = () =>
  useChange((step: string) => callApi<unknown>("/api/undo", { method: "POST", body: { step } }));

async function send(file: File, options: string): Promise<Imported> {
  const isJson = file.type === "application/json" || file.name.toLowerCase().endsWith(".json");
  const isLarge = file.size > LARGEST_PLAIN_BYTES;
  const content = isLarge
    ? await new Response(file.stream().pipeThrough(new CompressionStream("gzip"))).blob()
    : file;
  return callApi<Imported>(`/api/tasks/import?${options}`, {
    method: "POST",
    content,
    headers: {
      "content-type": isJson ? "application/json" : "text/csv",
      ...(isLarge && { "content-encoding": "gzip" }),
    },
  });
}

export const useCalendar = () =>
  useQuery({
    queryKey: CALENDAR,
    queryFn: ({ signal }) => callApi<CalendarStatus>("/api/calendar", { signal }),
  });

export const useCreateCalendar = () =>
  useChange(() => callApi<NewCalendarAddress>("/api/calendar", { method: "POST" }), { reload: CALENDAR });

export const useRevokeCalendar = (onDone: () => void) =>
  useChange(() => callApi<void>("/api/calendar", { method: "DELETE" }), { reload: CALENDAR, onDone });
