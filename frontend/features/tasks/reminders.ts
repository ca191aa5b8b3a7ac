/** Reminders of tasks: their words, the browser's permission, and showing each of them once. */
import { showToast } from "@/components/ui/toaster";
import { readStoredText, writeStoredText } from "@/lib/browser-storage";
import type { Task } from "@/lib/task";

/** The minutes before the due date that the edit sheet offers. */
export const REMINDERS: readonly number[] = [0, 10, 30, 60, 24 * 60];

const SHOWN = "reminders-shown";
const REMEMBERED = 100;

export function sayMinutesBefore(minutes: number): string {
  if (minutes === 0) return "when it is due";
  const [count, unit] =
    minutes % 1440 === 0
      ? [minutes / 1440, "day"]
      : minutes % 60 === 0
        ? [minutes / 60, "hour"]
        : [minutes, "minute"];
  return `${count} ${unit}${count === 1 ? "" : "s"} before`;
}

/** Asks for permission to show notifications, unless the user has already decided. */
export async function askForNotifications(): Promise<void> {
  if ("Notification" in globalThis && Notification.permission === "default") {
    await Notification.requestPermission();
  }
}

/** Shows the reminder of a task as a notification, or on the page where the browser permits none. Once in all tabs. */
export function showReminder(task: Task): void {
  const key = `${task.id} ${task.remind_at}`;
  const shown = readStoredText("localStorage", SHOWN).split("\n").filter(Boolean);
  if (shown.includes(key)) return;
  writeStoredText("localStorage", SHOWN, [...shown, key].slice(-REMEMBERED).join("\n"));
  if ("Notification" in globalThis && Notification.permission === "granted") {
    try {
      const notification = new Notification(task.title, { tag: key, body: "Reminder" });
      notification.onclick = () => globalThis.focus();
      return;
    } catch {
      // Some phones allow notifications only from a service worker.
    }
  }
  showToast({ message: `Reminder: ${task.title}` });
}
