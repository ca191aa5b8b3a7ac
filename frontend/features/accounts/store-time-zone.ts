/** Stores the browser's time zone as the user's, once, if none is stored. One that was chosen stays. */
import { callApi } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { readStoredText, writeStoredText } from "@/lib/browser-storage";
import { timeZone } from "@/lib/calendar";

/** Runs once for each user of this browser, so that a zone that the user removes later stays removed. */
export async function storeTimeZone(userId: string): Promise<void> {
  const mark = `time-zone-of-${userId}`;
  if (readStoredText("localStorage", mark)) return;
  try {
    const stored = await callApi<components["schemas"]["PreferencesOut"]>("/api/preferences");
    if (stored.time_zone === null) {
      await callApi("/api/preferences", { method: "PATCH", body: { time_zone: timeZone() } });
    }
    writeStoredText("localStorage", mark, "stored");
  } catch {
    // The next visit tries again.
  }
}
