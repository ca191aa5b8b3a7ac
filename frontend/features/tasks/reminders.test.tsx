// @vitest-environment jsdom
import { act, render } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import { listReminders } from "./api/tasks";
import { ReminderWatch } from "./components/reminder-watch";
import { askForNotifications, sayMinutesBefore } from "./reminders";
import { changedFields, draftOf } from "./task-draft";

vi.mock("./api/tasks", () => ({ listReminders: vi.fn() }));

const shown = vi.fn();
class FakeNotification {
  static permission = "granted";
  static readonly requestPermission = vi.fn();
  constructor(title: string) {
    shown(title);
  }
}

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-11-28T09:00:00Z") });
  vi.stubGlobal("Notification", FakeNotification);
  shown.mockClear();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a reminder", () => {
  it("is shown once when its time comes", async () => {
    const task = sampleTask({ title: "Call Ann", remind_at: "2026-11-28T09:00:30Z" });
    vi.mocked(listReminders).mockResolvedValue([task]);
    render(<ReminderWatch />);
    await act(() => vi.advanceTimersByTimeAsync(29_000));
    expect(shown).not.toHaveBeenCalled();
    await act(() => vi.advanceTimersByTimeAsync(200_000));
    expect(shown.mock.calls).toEqual([["Call Ann"]]);
  });

  it("asks for permission only while the user has not decided", async () => {
    await askForNotifications();
    expect(FakeNotification.requestPermission).not.toHaveBeenCalled();
    FakeNotification.permission = "default";
    await askForNotifications();
    expect(FakeNotification.requestPermission).toHaveBeenCalledOnce();
  });

  it("is said in words", () => {
    expect([0, 1, 10, 60, 120, 1440].map(sayMinutesBefore)).toEqual([
      "when it is due",
      "1 minute before",
      "10 minutes before",
      "1 hour before",
      "2 hours before",
      "1 day before",
    ]);
  });

  it("is set and removed by the draft of the sheet", () => {
    const task = sampleTask({ due_at: "2026-11-28T10:00:00Z", remind_before: 10 });
    expect(changedFields(task, draftOf(task))).toEqual({});
    expect(changedFields(task, { ...draftOf(task), reminder: "60" })).toEqual({ remind_before: 60 });
    expect(changedFields(task, { ...draftOf(task), reminder: "" })).toEqual({
      remind_at: null,
      remind_before: null,
    });
  });
});
