"use client";

import { useEffect } from "react";
import { listReminders } from "../api/tasks";
import { showReminder } from "../reminders";

const MINUTE_MS = 60_000;
/** How late a reminder may come, for example after the computer was asleep. */
const LATEST_MS = 60 * MINUTE_MS;

/** Shows reminders while a page is open, also in the background. Browsers let a hidden page run once a minute. */
export function ReminderWatch() {
  useEffect(() => {
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const controller = new AbortController();
    const look = async () => {
      const now = Date.now();
      const tasks = await listReminders(
        new Date(now - LATEST_MS),
        new Date(now + MINUTE_MS),
        controller.signal,
      );
      timers.forEach(clearTimeout);
      timers.clear();
      for (const task of tasks) {
        if (!task.remind_at) continue;
        timers.add(
          setTimeout(() => showReminder(task), Math.max(new Date(task.remind_at).getTime() - now, 0)),
        );
      }
    };
    // Without a connection, the next look finds what this one missed.
    const lookAgain = () => void look().catch(() => undefined);
    lookAgain();
    const interval = setInterval(lookAgain, MINUTE_MS);
    return () => {
      controller.abort();
      clearInterval(interval);
      timers.forEach(clearTimeout);
    };
  }, []);
  return null;
}
