import { expect, it } from "vitest";
import type { ParsedTask } from "./api/parse";
import { maskWords } from "./masks";
import { understand } from "./understood";

const NOW = new Date(2026, 10, 28, 9, 0);
const TOMORROW = new Date(2026, 10, 29, 10, 0).toISOString();

/** Returns an answer of the server with spans around the given words of a text. */
function parsed(
  text: string,
  found: Partial<Record<"due" | "tag" | "priority", string[]>>,
  fields: Partial<ParsedTask>,
): ParsedTask {
  const spans = Object.entries(found).flatMap(([field, words]) =>
    words.map((said) => {
      const at = text.indexOf(said);
      const place = { start: at, end: at + said.length, utf16_start: at, utf16_end: at + said.length };
      return { field: field as "due" | "tag" | "priority", ...place };
    }),
  );
  return { title: "", spans, ...fields };
}

it("makes one chip of each understood field and keeps the title's first letter", () => {
  const text = "call mom tomorrow 10am #finance !high";
  const answer = parsed(
    text,
    { due: ["tomorrow", "10am"], tag: ["#finance"], priority: ["!high"] },
    { title: "Call mom", due_at: TOMORROW, tags: ["finance"], priority: "high" },
  );
  const { task, chips } = understand(text, [], answer, NOW);
  expect(task).toEqual({
    title: "call mom",
    due_at: TOMORROW,
    all_day: false,
    tags: ["finance"],
    priority: "high",
  });
  expect(chips.map(({ label, words }) => [label, words])).toEqual([
    ["tomorrow 10:00", ["tomorrow", "10am"]],
    ["high priority", ["!high"]],
    ["#finance", ["#finance"]],
  ]);
});

it("names the recurrence and sends the time zone with it", () => {
  const text = "stand-up every Sunday at 10";
  const answer = parsed(
    text,
    { due: ["every Sunday at 10"] },
    { title: "Stand-up", due_at: TOMORROW, recurrence: "FREQ=WEEKLY;BYDAY=SU" },
  );
  const { task, chips } = understand(text, [], answer, NOW);
  expect(chips[0]?.label).toBe("every Sunday, tomorrow 10:00");
  expect(task).toMatchObject({
    recurrence: "FREQ=WEEKLY;BYDAY=SU",
    time_zone: expect.stringMatching(/./) as string,
  });
});

it("returns kept words to the title, where the grammar does not see them", () => {
  const text = "read tomorrow never dies on friday";
  const masked = maskWords(text, ["tomorrow"]);
  expect(masked).toHaveLength(text.length);
  expect(masked).not.toContain("tomorrow");
  const answer = parsed(
    text,
    { due: ["on friday"] },
    { title: masked.replace(" on friday", "").replace("read", "Read"), due_at: TOMORROW },
  );
  expect(understand(text, ["tomorrow"], answer, NOW).task.title).toBe("read tomorrow never dies");
});

it("adds the text as it was typed where nothing is understood or nothing but a date is said", () => {
  expect(understand(" buy milk ", [], { title: "Buy milk", notes: ["Say: on friday"] }, NOW)).toEqual({
    task: { title: "buy milk" },
    chips: [],
    note: "Say: on friday",
  });
  expect(understand("tomorrow", [], parsed("tomorrow", { due: ["tomorrow"] }, {}), NOW).task).toEqual({
    title: "tomorrow",
  });
});
