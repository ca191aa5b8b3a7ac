/** Reminders of tasks: their words, the browser's permission, and showing each of them once. */
import { showToast } from "@/components/ui/toaster";
import { readStoredText, writeStoredText } from "@/lib/browser-storage";
import { formatDue } from "@/lib/calendar";
import type { Task } from "@/lib/task";
import { subscribeToPush } from "./push";

/** The minutes before the due date that the edit sheet offers. */
export const REMINDERS: readonly number[] = [0, 10, 30, 60, 24 * 60];

const SHOWN = "reminders-shown";
const REMEMBERED = 100;
const ICON = "/icon-192.png";

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

/** Asks for permission to show notifications, unless the user has already decided, and turns on Web Push. */
export async function turnOnNotifications(): Promise<void> {
  if ("Notification" in globalThis && Notification.permission === "default") {
    await Notification.requestPermission();
  }
  // Without it, the open page shows the reminders.
  await subscribeToPush().catch(() => undefined);
}

/** Remembers in all tabs that a reminder was shown. Returns whether it was not shown before. */
export function markShown(key: string): boolean {
  const shown = readStoredText("localStorage", SHOWN).split("\n").filter(Boolean);
  if (shown.includes(key)) return false;
  writeStoredText("localStorage", SHOWN, [...shown, key].slice(-REMEMBERED).join("\n"));
  return true;
}

/** Shows the reminder of a task as a notification, or on the page where the browser permits none. Once in all tabs. */
export async function showReminder(task: Task): Promise<void> {
  const tag = `${task.id} ${task.remind_at}`;
  if (!markShown(tag)) return;
  if ("Notification" in globalThis && Notification.permission === "granted") {
    const body = task.due_at
      ? `Due ${formatDue(new Date(task.due_at), task.all_day, new Date())}`
      : "Reminder";
    try {
      await showNotification(task.title, { tag, body, icon: ICON, data: { taskId: task.id } });
      return;
    } catch {
      // Some phones allow notifications only from a service worker.
    }
  }
  showToast({ message: `Reminder: ${task.title}` });
}

/** The service worker shows it, if there is one: its notifications and those of pages do not replace each other. */
async function showNotification(title: string, options: NotificationOptions): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration?.active) return registration.showNotification(title, options);
  const notification = new Notification(title, options);
  notification.onclick = () => globalThis.focus();
}
