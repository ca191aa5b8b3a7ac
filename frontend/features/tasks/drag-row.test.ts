// @vitest-environment jsdom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { letRowsDrag } from "./drag-row";

const ROW_PX = 40;
const focusTask = vi.fn();
const moveRow = vi.fn();
let scroller: HTMLElement;
let over: AbortController;

/** Shows four rows of 40 px below each other: a, b, c, d. */
beforeEach(() => {
  vi.resetAllMocks();
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "requestAnimationFrame", "cancelAnimationFrame"],
  });
  document.body.innerHTML = `<div><ul>${["a", "b", "c", "d"]
    .map((id) => `<li class="task-row-movable" data-task-id="${id}"><button>${id}</button></li>`)
    .join("")}</ul></div>`;
  scroller = document.querySelector("div")!;
  scroller.getBoundingClientRect = () => new DOMRect(0, -100, 300, 360);
  rows().forEach((row, index) => {
    row.getBoundingClientRect = () => new DOMRect(0, index * ROW_PX - scroller.scrollTop, 300, ROW_PX);
  });
  over = new AbortController();
  letRowsDrag(document.querySelector("ul")!, scroller, { current: { focusTask, moveRow } }, over.signal);
});
afterEach(() => {
  over.abort();
  vi.useRealTimers();
});

const rows = () => [...document.querySelectorAll<HTMLElement>("li[data-task-id]")];

/** An event of the only pointer. */
function point(type: string, y: number, pointerType: string) {
  return new PointerEvent(type, {
    isPrimary: true,
    pointerId: 1,
    pointerType,
    clientX: 50,
    clientY: y,
    bubbles: true,
  });
}

function press(y: number, pointerType = "mouse") {
  const row = rows()[Math.floor(y / ROW_PX)]!;
  row.dispatchEvent(point("pointerdown", y, pointerType));
  return row;
}

function pointer(type: string, y: number, pointerType = "mouse") {
  window.dispatchEvent(point(type, y, pointerType));
  vi.advanceTimersByTime(20);
}

it("moves a row in front of the one whose upper half the mouse is in, and ends as no click", () => {
  const row = press(20);
  pointer("pointermove", 90);
  expect(focusTask).toHaveBeenCalledOnce();
  expect(row.dataset.dragged).toBe("");
  expect(document.querySelectorAll(".drag-ghost, .drop-line")).toHaveLength(2);
  pointer("pointerup", 90);
  expect(moveRow).toHaveBeenCalledExactlyOnceWith("a", { before: "c" });
  expect(document.querySelectorAll(".drag-ghost, .drop-line, [data-dragged]")).toHaveLength(0);
  const clicked = vi.fn();
  row.addEventListener("click", clicked);
  row.dispatchEvent(new MouseEvent("click", { detail: 1, bubbles: true }));
  expect(clicked).not.toHaveBeenCalled();
  press(20);
  row.dispatchEvent(new MouseEvent("click", { detail: 1, bubbles: true }));
  expect(clicked).toHaveBeenCalledOnce();
});

it("moves a row to the end below the last one", () => {
  press(20);
  pointer("pointermove", 155);
  pointer("pointerup", 155);
  expect(moveRow).toHaveBeenCalledWith("a", { before: null });
});

it("takes a short way of the mouse for a click", () => {
  press(20);
  pointer("pointermove", 23);
  pointer("pointerup", 23);
  expect(focusTask).not.toHaveBeenCalled();
  expect(moveRow).not.toHaveBeenCalled();
});

it("is cancelled by Escape", () => {
  press(20);
  pointer("pointermove", 90);
  window.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  expect(document.querySelectorAll(".drag-ghost, .drop-line, [data-dragged]")).toHaveLength(0);
  pointer("pointerup", 90);
  expect(focusTask).toHaveBeenCalledOnce();
  expect(moveRow).not.toHaveBeenCalled();
});

it("begins with a long press of a finger, while a movement before it scrolls", () => {
  press(20, "touch");
  pointer("pointermove", 60, "touch");
  vi.advanceTimersByTime(1_000);
  expect(focusTask).not.toHaveBeenCalled();
  press(20, "touch");
  vi.advanceTimersByTime(400);
  expect(focusTask).toHaveBeenCalledOnce();
  pointer("pointermove", 130, "touch");
  pointer("pointerup", 130, "touch");
  expect(moveRow).toHaveBeenCalledExactlyOnceWith("a", { before: "d" });
});

it("scrolls the list at its edge", () => {
  press(20);
  pointer("pointermove", 255);
  vi.advanceTimersByTime(200);
  expect(scroller.scrollTop).toBeGreaterThan(100);
});
