// @vitest-environment jsdom
import { act, render } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import { listReminders, readTask } from "./api/tasks";
import { ReminderWatch } from "./components/reminder-watch";
import { sayMinutesBefore, turnOnNotifications } from "./reminders";
import { changedFields, draftOf } from "./task-draft";

vi.mock("./api/tasks", () => ({ listReminders: vi.fn(), readTask: vi.fn() }));

const shown = vi.fn();
const worker = Object.assign(new EventTarget(), { getRegistration: vi.fn() });
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
  Object.defineProperty(navigator, "serviceWorker", { value: worker, configurable: true });
  worker.getRegistration.mockResolvedValue(undefined);
  FakeNotification.permission = "granted";
  localStorage.clear();
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
    render(<ReminderWatch onShowTask={vi.fn()} />);
    await act(() => vi.advanceTimersByTimeAsync(29_000));
    expect(shown).not.toHaveBeenCalled();
    await act(() => vi.advanceTimersByTimeAsync(200_000));
    expect(shown.mock.calls).toEqual([["Call Ann"]]);
  });

  it("is shown by the service worker, with the tag of a pushed one", async () => {
    const showNotification = vi.fn();
    worker.getRegistration.mockResolvedValue({ active: {}, showNotification });
    const due = { due_at: "2026-11-28T10:00:00Z", remind_at: "2026-11-28T09:00:00Z" };
    const task = sampleTask({ title: "Call Ann", ...due });
    vi.mocked(listReminders).mockResolvedValue([task]);
    render(<ReminderWatch onShowTask={vi.fn()} />);
    await act(() => vi.advanceTimersByTimeAsync(1_000));
    expect(shown).not.toHaveBeenCalled();
    expect(showNotification).toHaveBeenCalledExactlyOnceWith(
      "Call Ann",
      expect.objectContaining({
        tag: `${task.id} 2026-11-28T09:00:00Z`,
        body: expect.stringMatching(/^Due today \d\d:\d\d$/),
        data: { taskId: task.id },
      }),
    );
  });

  it("is not shown again after the service worker has shown it", async () => {
    const task = sampleTask({ title: "Call Ann", remind_at: "2026-11-28T09:00:30Z" });
    vi.mocked(listReminders).mockResolvedValue([task]);
    render(<ReminderWatch onShowTask={vi.fn()} />);
    const data = { type: "reminder-shown", tag: `${task.id} ${task.remind_at}` };
    worker.dispatchEvent(new MessageEvent("message", { data }));
    await act(() => vi.advanceTimersByTimeAsync(60_000));
    expect(shown).not.toHaveBeenCalled();
  });

  it("leads to its task, in an open page and in a new one", async () => {
    const task = sampleTask({ title: "Call Ann" });
    vi.mocked(listReminders).mockResolvedValue([]);
    vi.mocked(readTask).mockResolvedValue(task);
    history.replaceState(null, "", "/?view=today&task=1");
    const onShowTask = vi.fn();
    render(<ReminderWatch onShowTask={onShowTask} />);
    await act(() => vi.advanceTimersByTimeAsync(0));
    expect(onShowTask.mock.calls).toEqual([[task]]);
    expect(location.search).toBe("?view=today");
    worker.dispatchEvent(new MessageEvent("message", { data: { type: "show-task", taskId: "2" } }));
    await act(() => vi.advanceTimersByTimeAsync(0));
    expect(onShowTask).toHaveBeenCalledTimes(2);
    expect(vi.mocked(readTask).mock.calls).toEqual([["1"], ["2"]]);
  });

  it("asks for permission only while the user has not decided", async () => {
    await turnOnNotifications();
    expect(FakeNotification.requestPermission).not.toHaveBeenCalled();
    FakeNotification.permission = "default";
    await turnOnNotifications();
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
