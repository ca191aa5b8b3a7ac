/** Drags rows to other places in their list, with a mouse or a finger. Loaded when there are such rows. */
import type { RefObject } from "react";

export type DragHandlers = {
  /** Called with a task whose drag begins. */
  focusTask: (id: string) => void;
  /** Moves a task in front of another one, or to the end. */
  moveRow: (id: string, to: { before: string | null }) => void;
};

type Drag = {
  row: HTMLElement;
  /** The press that may become a drag. */
  press: PointerEvent;
  /** The element in which the list scrolls. */
  scroller: HTMLElement;
  /** Called when the press becomes a drag. */
  onStart: () => void;
  /** Called with the task that follows the new place, or null for the end. Without a place, with undefined. */
  onEnd: (before: string | null | undefined) => void;
};

/** The way of a mouse that is a drag, and that of a finger that is none. */
const SLACK_PX = 5;
const LONG_PRESS_MS = 350;
/** The margin of the list that scrolls it, and the fastest scroll in a frame. */
const EDGE_PX = 56;
const FASTEST_PX = 32;

/** Lets the rows of a list that can be moved be dragged, until the signal. */
export function letRowsDrag(
  list: HTMLElement,
  scroller: HTMLElement,
  handlers: RefObject<DragHandlers>,
  signal: AbortSignal,
): void {
  let isDragging = false;
  // Browsers only ask a listener that exists when a touch begins whether it may scroll.
  list.addEventListener("touchmove", (event) => void (isDragging && event.preventDefault()), {
    passive: false,
    signal,
  });
  const onPress = (press: PointerEvent) => {
    const row = (press.target as Element).closest<HTMLElement>(".task-row-movable");
    if (!row || !press.isPrimary || press.button !== 0) return;
    if (press.ctrlKey || press.metaKey || press.shiftKey) return;
    const id = row.dataset.taskId!;
    const onStart = () => {
      isDragging = true;
      // The row with the focus is always rendered, however far it is dragged.
      handlers.current.focusTask(id);
    };
    const onEnd = (before: string | null | undefined) => {
      isDragging = false;
      if (before !== undefined) handlers.current.moveRow(id, { before });
    };
    dragRow({ row, press, scroller, onStart, onEnd });
  };
  list.addEventListener("pointerdown", onPress, { signal });
}

function dragRow({ row, press, scroller, onStart, onEnd }: Drag): void {
  const list = row.parentElement!;
  const over = new AbortController();
  const { signal } = over;
  let y = press.clientY;
  const grip = y - row.getBoundingClientRect().top;
  let ghost: HTMLElement | null = null;
  let line: HTMLElement | null = null;
  let before: string | null | undefined;
  let frame = 0;

  const end = (place?: string | null) => {
    over.abort();
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    if (!ghost) return;
    ghost.remove();
    line?.remove();
    delete row.dataset.dragged;
    delete document.documentElement.dataset.dragging;
    keepFromClicking();
    onEnd(place);
  };

  const start = () => {
    ghost = ghostOf(row);
    line = Object.assign(document.createElement("div"), { className: "drop-line" });
    document.body.append(ghost, line);
    row.dataset.dragged = "";
    document.documentElement.dataset.dragging = "";
    onStart();
    follow();
  };

  /** Follows the pointer, once in each frame: the list may scroll while the pointer rests. */
  const follow = () => {
    // It was deleted elsewhere.
    if (!row.isConnected) return end();
    frame = requestAnimationFrame(follow);
    const view = scroller.getBoundingClientRect();
    scroller.scrollTop += scrollOf(y, view);
    const rows = [...list.querySelectorAll<HTMLElement>(":scope > [data-task-id]")].filter(
      (other) => other !== row,
    );
    const next = rows.find((other) => middleOf(other) > y);
    before = next?.dataset.taskId ?? null;
    const edge = next
      ? next.getBoundingClientRect().top
      : (rows.at(-1) ?? row).getBoundingClientRect().bottom;
    const { left, width } = row.getBoundingClientRect();
    ghost!.style.transform = `translate(${left}px, ${y - grip}px)`;
    ghost!.style.width = line!.style.width = `${width}px`;
    line!.style.transform = `translate(${left}px, ${edge - 1}px)`;
    line!.hidden = edge < view.top || edge > view.bottom;
  };

  const move = (event: PointerEvent) => {
    if (event.pointerId !== press.pointerId) return;
    y = event.clientY;
    const isFar = Math.hypot(event.clientX - press.clientX, y - press.clientY) > SLACK_PX;
    if (ghost || !isFar) return;
    if (press.pointerType === "touch") end();
    else start();
  };

  const timer = press.pointerType === "touch" ? setTimeout(start, LONG_PRESS_MS) : undefined;
  const listen = { signal, capture: true };
  window.addEventListener("pointermove", move, listen);
  window.addEventListener(
    "pointerup",
    ({ pointerId }) => pointerId === press.pointerId && end(before),
    listen,
  );
  window.addEventListener("pointercancel", () => end(), listen);
  // Only of the window: those of elements are not captured.
  window.addEventListener("blur", () => end(), { signal });
  // A long press has no other meaning here.
  window.addEventListener("contextmenu", stop, listen);
  window.addEventListener("dragstart", stop, listen);
  window.addEventListener(
    "keydown",
    (event) => {
      if (!ghost || event.key !== "Escape") return;
      stop(event);
      end();
    },
    listen,
  );
}

/** Keeps the click that the release of a mouse is from opening the task. The next press is another one. */
function keepFromClicking(): void {
  const over = new AbortController();
  const listen = { signal: over.signal, capture: true };
  window.addEventListener("click", (event) => event.detail > 0 && stop(event), listen);
  window.addEventListener("pointerdown", () => over.abort(), listen);
}

function stop(event: Event): void {
  event.preventDefault();
  event.stopPropagation();
}

/** Returns a picture of a row, which follows the pointer. */
function ghostOf(row: HTMLElement): HTMLElement {
  const ghost = row.cloneNode(true) as HTMLElement;
  for (const name of ["id", "data-task-id", "data-index", "style"]) ghost.removeAttribute(name);
  // Its layout depends on the width of the list, in which it no longer is.
  ghost.classList.add("drag-ghost", "@container");
  ghost.inert = true;
  ghost.ariaHidden = "true";
  return ghost;
}

function middleOf(element: HTMLElement): number {
  const { top, height } = element.getBoundingClientRect();
  return top + height / 2;
}

/** Returns how far the list scrolls in a frame: faster, the nearer the pointer is to its edge. */
function scrollOf(y: number, view: DOMRect): number {
  const depth = y < view.top + EDGE_PX ? y - view.top - EDGE_PX : Math.max(y - view.bottom + EDGE_PX, 0);
  const share = Math.min(Math.abs(depth) / EDGE_PX, 1);
  return Math.sign(depth) * share * share * FASTEST_PX;
}
