"use client";

import { useEffect } from "react";
import type { Task } from "@/lib/task";
import { listReminders, readTask } from "../api/tasks";
import { subscribeToPush } from "../push";
import { markShown, showReminder } from "../reminders";

const MINUTE_MS = 60_000;
/** How late a reminder may come, for example after the computer was asleep. */
const LATEST_MS = 60 * MINUTE_MS;

/** What the service worker tells its pages; see lib/service-worker.js. */
type WorkerMessage = { type: "reminder-shown"; tag: string } | { type: "show-task"; taskId: string };

type ReminderWatchProps = {
  /** Called with the task of a notification that was clicked. */
  onShowTask: (task: Task) => void;
};

/**
 * Shows reminders while a page is open, also in the background. Browsers let a hidden page run once a minute. Where
 * Web Push shows them too, each of them is shown once.
 */
export function ReminderWatch({ onShowTask }: ReminderWatchProps) {
  useEffect(() => {
    // The session or the server's key may be new.
    subscribeToPush().catch(() => undefined);
  }, []);

  useEffect(() => {
    const show = (id: string) => void readTask(id).then(onShowTask, () => undefined);
    const url = new URL(location.href);
    const clicked = url.searchParams.get("task");
    if (clicked) {
      url.searchParams.delete("task");
      history.replaceState(history.state, "", url);
      show(clicked);
    }
    const listen = ({ data, ports }: MessageEvent<WorkerMessage>) => {
      if (data.type === "reminder-shown") markShown(data.tag);
      else if (data.type === "show-task") {
        ports[0]?.postMessage("shown");
        show(data.taskId);
      }
    };
    navigator.serviceWorker?.addEventListener("message", listen);
    return () => navigator.serviceWorker?.removeEventListener("message", listen);
  }, [onShowTask]);

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
          setTimeout(() => void showReminder(task), Math.max(new Date(task.remind_at).getTime() - now, 0)),
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
