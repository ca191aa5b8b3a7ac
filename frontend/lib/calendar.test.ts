// @vitest-environment node
import { describe, expect, it, vi } from "vitest";
import {
  daysBetween,
  endOfWeek,
  formatDue,
  formatTime,
  fromInputs,
  startOfDay,
  toDateInput,
  toTimeInput,
} from "./calendar";

const inZone = (zone: string) => vi.stubEnv("TZ", zone);

describe("counting days", () => {
  it("counts days of 23 and 25 hours as one day", () => {
    inZone("Europe/Berlin");
    // Clocks go forward on 29 March 2026 and back on 25 October.
    expect(daysBetween(new Date(2026, 2, 28, 23, 59), new Date(2026, 2, 29, 0, 0))).toBe(1);
    expect(daysBetween(new Date(2026, 2, 29), new Date(2026, 2, 30))).toBe(1);
    expect(daysBetween(new Date(2026, 9, 25), new Date(2026, 9, 26))).toBe(1);
    expect(daysBetween(new Date(2026, 9, 25, 0, 30), new Date(2026, 9, 25, 23, 30))).toBe(0);
  });

  it("starts the next day at its own midnight when the clocks change in between", () => {
    inZone("Europe/Berlin");
    expect(startOfDay(new Date("2026-03-29T10:00:00Z"), 1).toISOString()).toBe("2026-03-29T22:00:00.000Z");
    expect(startOfDay(new Date("2026-10-25T10:00:00Z"), 1).toISOString()).toBe("2026-10-25T23:00:00.000Z");
  });

  it("starts a day without a midnight at its first hour", () => {
    // In Cairo the clocks change from 00:00 to 01:00 on Friday, 24 April 2026.
    inZone("Africa/Cairo");
    const start = startOfDay(new Date(2026, 3, 23, 12), 1);
    expect([start.getDate(), start.getHours()]).toEqual([24, 1]);
    expect(daysBetween(new Date(2026, 3, 23, 12), start)).toBe(1);
  });

  it("ends the week on Sunday", () => {
    inZone("America/New_York");
    expect(toDateInput(endOfWeek(new Date(2026, 10, 16)))).toBe("2026-11-22");
    expect(toDateInput(endOfWeek(new Date(2026, 10, 22, 23)))).toBe("2026-11-22");
  });
});

describe("formatting due dates", () => {
  it("formats an instant in the local time zone", () => {
    const due = new Date("2026-11-22T23:30:00Z");
    inZone("Europe/Berlin");
    expect(formatDue(due, false, new Date("2026-11-22T12:00:00Z"))).toBe("tomorrow 00:30");
    inZone("America/New_York");
    expect(formatDue(due, false, new Date("2026-11-22T12:00:00Z"))).toBe("today 18:30");
  });

  it("writes times as the clock of the browser's language does", () => {
    inZone("UTC");
    const times = ["00:05", "09:30", "12:00", "17:00"].map((time) => new Date(`2026-11-22T${time}:00Z`));
    expect(times.map((time) => formatTime(time, true))).toEqual([
      "12:05 AM",
      "9:30 AM",
      "12:00 PM",
      "5:00 PM",
    ]);
    expect(times.map((time) => formatTime(time, false))).toEqual(["00:05", "09:30", "12:00", "17:00"]);
    expect(times.map(toTimeInput)).toEqual(["00:05", "09:30", "12:00", "17:00"]);
  });

  it("uses relative names for near days and dates for others", () => {
    inZone("UTC");
    const now = new Date("2026-11-21T12:00:00Z");
    const day = (text: string) => formatDue(new Date(text), true, now);
    expect(day("2026-11-14T00:00:00Z")).toBe("Sat 14 Nov");
    expect(day("2026-11-15T00:00:00Z")).toBe("6 days ago");
    expect(day("2026-11-20T00:00:00Z")).toBe("yesterday");
    expect(day("2026-11-21T00:00:00Z")).toBe("today");
    expect(day("2026-11-27T00:00:00Z")).toBe("Fri 27 Nov");
    expect(day("2027-01-05T00:00:00Z")).toBe("5 Jan 2027");
  });
});

describe("reading date and time inputs", () => {
  it("interprets them as local time", () => {
    inZone("Europe/Berlin");
    expect(fromInputs("2026-07-01", "17:00")?.toISOString()).toBe("2026-07-01T15:00:00.000Z");
    expect(fromInputs("2026-12-01", "")?.toISOString()).toBe("2026-11-30T23:00:00.000Z");
    expect(fromInputs("0026-12-01", "")?.getFullYear()).toBe(26);
  });

  it("returns null without a date", () => {
    expect(fromInputs("", "17:00")).toBeNull();
  });
});
