/**
 * Calendar days in the browser's time zone. Days are never counted as 24 hours, because a day on which the clocks
 * change has 23 or 25.
 */

/** Returns the start of a day, optionally some days later (or earlier). */
export function startOfDay(instant: Date, daysLater = 0): Date {
  return new Date(instant.getFullYear(), instant.getMonth(), instant.getDate() + daysLater);
}

/** Returns the number of calendar days between two instants: 1 for tomorrow, -1 for yesterday. */
export function daysBetween(from: Date, to: Date): number {
  const day = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((day(to) - day(from)) / 86_400_000);
}

/** Returns the start of the last day of the week. Weeks begin on Monday. */
export function endOfWeek(instant: Date): Date {
  return startOfDay(instant, (7 - instant.getDay()) % 7);
}

/** Formats a due date: "today 17:00" or "today 5:00 PM", "tomorrow", "2 days ago", "Fri 27 Nov 09:30". */
export function formatDue(due: Date, allDay: boolean, now: Date): string {
  return allDay ? formatDay(due, now) : `${formatDay(due, now)} ${formatTime(due)}`;
}

/** Formats a day, relative to today where it is near. */
export function formatDay(date: Date, now: Date): string {
  const days = daysBetween(now, date);
  if (days === 0) return "today";
  if (days === 1) return "tomorrow";
  if (days === -1) return "yesterday";
  if (days < 0 && days > -7) return `${-days} days ago`;
  if (date.getFullYear() === now.getFullYear()) return formatDate(date);
  return `${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
}

/** Returns a day in the form Fri 27 Nov. */
export function formatDate(date: Date): string {
  return `${formatWeekday(date)} ${date.getDate()} ${MONTHS[date.getMonth()]}`;
}

/** Returns the day of the week in the form Fri. */
export function formatWeekday(date: Date): string {
  return WEEKDAYS[date.getDay()] ?? "";
}

/** Returns a time of day as the browser's inputs show it: 17:00, or 5:00 PM. */
export function formatTime(date: Date, hasTwelveHours = isClockOfTwelveHours()): string {
  if (!hasTwelveHours) return toTimeInput(date);
  const hours = date.getHours();
  return `${hours % 12 || 12}:${pad(date.getMinutes())} ${hours < 12 ? "AM" : "PM"}`;
}

/** Returns whether the clock of the browser's language counts to twelve. */
function isClockOfTwelveHours(): boolean {
  clock ??= new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
  return clock.hour12 ?? false;
}

let clock: Intl.ResolvedDateTimeFormatOptions | undefined;

/** Returns the value of an input of type time. */
export function toTimeInput(date: Date): string {
  return `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** Returns the value of an input of type date. */
export function toDateInput(date: Date): string {
  return `${String(date.getFullYear()).padStart(4, "0")}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** Returns the instant of a date input and an optional time input, or null without a date. */
export function fromInputs(date: string, time: string): Date | null {
  const [year, month, day] = date.split("-").map(Number);
  if (!year || !month || !day) return null;
  const [hours = 0, minutes = 0] = time ? time.split(":").map(Number) : [];
  const instant = new Date(year, month - 1, day, hours, minutes);
  // The constructor maps years below 100 to the 20th century.
  instant.setFullYear(year);
  return Number.isNaN(instant.getTime()) ? null : instant;
}

/** Returns the browser's IANA time zone, such as Europe/Berlin. */
export function timeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

// Intl's formatters keep the time zone of their creation, but a laptop may travel with its tabs open.
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const pad = (value: number) => String(value).padStart(2, "0");
