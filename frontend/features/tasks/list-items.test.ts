// @vitest-environment node
import { expect, it } from "vitest";
import { sampleTask } from "@/testing/sample-task";
import type { TaskGroup } from "./group-tasks";
import { itemsOf, type ListWindow, sectionsOf } from "./list-items";

const HEIGHT = 10;
const windowOf = (...indexes: number[]): ListWindow => ({
  indexes,
  startOf: (index) => index * HEIGHT,
  endOf: (index) => (index + 1) * HEIGHT,
});
const group = (key: TaskGroup["key"], count: number): TaskGroup => ({
  key,
  label: key,
  tasks: Array.from({ length: count }, (_, index) => sampleTask({ id: `${key}-${index}` })),
});
const list = [group("overdue", 7), group("today", 20), group("later", 3)];
const items = itemsOf(list, new Set());

/** The height that the sections take: the spaces and the items that are rendered. */
const heightOf = (window: ListWindow) =>
  sectionsOf(items, window).reduce(
    (sum, { gap, rows, fold, rest }) =>
      sum +
      gap +
      HEIGHT +
      rows.reduce((all, row) => all + row.gap + HEIGHT, 0) +
      (fold ? fold.gap + HEIGHT : 0) +
      rest,
    0,
  );

it("folds overdue tasks after five", () => {
  expect(items.filter(({ kind }) => kind === "fold")).toMatchObject([{ hidden: 2 }]);
  expect(itemsOf(list, new Set(["overdue"]))).toHaveLength(3 + 30);
});

it("renders everything without a window", () => {
  const sections = sectionsOf(items, null);
  expect(sections.map(({ rows }) => rows.length)).toEqual([5, 20, 3]);
  expect(sections.every(({ gap, rest }) => gap === 0 && rest === 0)).toBe(true);
});

it("keeps the place of what is rendered", () => {
  // Rows of the second group, and one of the last group that has the focus.
  const window = windowOf(10, 11, 12, 30);
  const sections = sectionsOf(items, window);
  expect(sections.map(({ span }) => span.group.key)).toEqual(["today", "later"]);
  expect(sections.map(({ gap }) => gap)).toEqual([7 * HEIGHT, 0]);
  expect(sections[0]?.rows.map(({ gap }) => gap)).toEqual([2 * HEIGHT, 0, 0]);
  expect(heightOf(window)).toBe(items.length * HEIGHT);
  expect(heightOf(windowOf(31))).toBe(items.length * HEIGHT);
});
