/** Words for recurrence rules (RFC 5545), such as those that the server makes of sentences. */

const UNITS: Record<string, string> = {
  HOURLY: "hour",
  DAILY: "day",
  WEEKLY: "week",
  MONTHLY: "month",
  YEARLY: "year",
};
const DAYS: Record<string, string> = {
  MO: "Monday",
  TU: "Tuesday",
  WE: "Wednesday",
  TH: "Thursday",
  FR: "Friday",
  SA: "Saturday",
  SU: "Sunday",
};
const SHORT_DAY = 3;

/** Returns "every Monday", "every 2 weeks", "every weekday"; of rules with several days their short names. */
export function sayRecurrence(rule: string): string {
  const parts = new Map(rule.split(";").map((part) => part.split("=") as [string, string]));
  const unit = UNITS[parts.get("FREQ") ?? ""] ?? "time";
  const interval = Number(parts.get("INTERVAL") ?? 1);
  const every = interval === 1 ? `every ${unit}` : `every ${interval} ${unit}s`;
  const codes = parts.get("BYDAY")?.split(",") ?? [];
  if (unit === "week" && codes.join() === "MO,TU,WE,TH,FR") return "every weekday";
  const days = codes.map((code) => DAYS[code] ?? "");
  if (unit !== "week" || interval !== 1 || days.length === 0 || days.includes("")) return every;
  return `every ${days.length === 1 ? days[0] : days.map((day) => day.slice(0, SHORT_DAY)).join(", ")}`;
}
