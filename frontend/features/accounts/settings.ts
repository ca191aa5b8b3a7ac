/** Texts of the settings page: devices, dates of access tokens, and messages for errors. */
import { explainRefusal } from "./credentials";

const BROWSERS = [
  ["Edge", /\bEdg\w*\//],
  ["Opera", /\bOPR\//],
  ["Samsung Internet", /\bSamsungBrowser\//],
  ["Firefox", /\b(Firefox|FxiOS)\//],
  ["Chrome", /\b(Chrome|CriOS)\//],
  ["Safari", /\bVersion\/.*Safari\//],
] as const;
const SYSTEMS = [
  ["iPhone", /\biPhone\b/],
  ["iPad", /\biPad\b/],
  ["Android", /\bAndroid\b/],
  ["Windows", /\bWindows\b/],
  ["ChromeOS", /\bCrOS\b/],
  ["macOS", /\bMacintosh\b/],
  ["Linux", /\bLinux\b/],
] as const;

/** Names the browser and the system of a user agent: "Firefox on Windows". */
export function describeDevice(userAgent: string): string {
  const find = (known: typeof BROWSERS | typeof SYSTEMS) =>
    known.find(([, pattern]) => pattern.test(userAgent))?.[0];
  const browser = find(BROWSERS);
  const system = find(SYSTEMS);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? (userAgent.split(/[\s/]/, 1)[0] || "Unknown device");
}

/** Returns a number with its noun: "1 task", "2,000 tasks". */
export const count = (number: number, noun: string) =>
  `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

type AccessTokenDates = { last_used_at: string | null; expires_at: string | null };

/** Returns when an access token was used and when it ends: "Used today · expires 3 Mar 2027". */
export function describeUse(token: AccessTokenDates, now: Date, format: (date: Date) => string): string {
  const used = token.last_used_at ? `Used ${format(new Date(token.last_used_at))}` : "Never used";
  if (!token.expires_at) return `${used} · does not expire`;
  const ends = new Date(token.expires_at);
  return `${used} · ${ends <= now ? "expired" : "expires"} ${format(ends)}`;
}

type Failure = { status: number; code?: string | undefined; message?: string | undefined };

/** Returns the data of a call of Better Auth's client. Throws an Error with a message for the user. */
export async function dataOf<Data>(call: Promise<{ data: Data; error: Failure | null }>): Promise<Data> {
  const { data, error } = await call.catch(() => ({ data: null as Data, error: { status: 0 } as Failure }));
  if (error) throw new Error(Object.values(explainRefusal(error, null))[0]);
  return data;
}

/** Returns why a new password cannot be used, or undefined. */
export function checkNewPassword(current: string, next: string): string | undefined {
  if (!current) return "Enter your current password.";
  if (next.length < 8) return "Use at least 8 characters for the new password.";
  if (next === current) return "Choose a password that differs from the current one.";
  return undefined;
}
