/** What the server's grammar understood of a new task, as chips, and the task that results from them. */
import { formatDue, timeZone } from "@/lib/calendar";
import { sayRecurrence } from "@/lib/recurrence";
import { MASKED } from "./masks";
import { sayMinutesBefore } from "./reminders";
import type { ParsedTask } from "./api/parse";
import type { NewTask } from "./api/tasks";

type FieldName = NonNullable<ParsedTask["spans"]>[number]["field"];

/** One understood field, and the words of the text that it stands for. */
export type UnderstoodChip = { key: string; field: FieldName; label: string; words: string[] };

export type Understood = { task: NewTask; chips: UnderstoodChip[]; note: string };

/**
 * Returns the task that a text describes.
 *
 * @param parsed what the grammar found in the text, of which the words in `kept` were masked.
 */
export function understand(text: string, kept: readonly string[], parsed: ParsedTask, now: Date): Understood {
  const spans = parsed.spans ?? [];
  const plain = text.trim();
  const note = parsed.problem ?? parsed.notes?.[0] ?? "";
  if (spans.length === 0 || !parsed.title) return { task: { title: plain }, chips: [], note };

  const words = (span: (typeof spans)[number]) => text.slice(span.utf16_start, span.utf16_end);
  const wordsOf = (field: FieldName) => spans.filter((span) => span.field === field).map(words);
  const chips: UnderstoodChip[] = [];
  const task: NewTask = { title: titleAsTyped(text, kept, parsed.title) };
  if (parsed.due_at) {
    const due = formatDue(new Date(parsed.due_at), parsed.all_day ?? false, now);
    task.due_at = parsed.due_at;
    task.all_day = parsed.all_day ?? false;
    if (parsed.recurrence) {
      task.recurrence = parsed.recurrence;
      task.time_zone = timeZone();
    }
    const label = parsed.recurrence ? `${sayRecurrence(parsed.recurrence)}, ${due}` : due;
    chips.push({ key: "due", field: "due", label, words: wordsOf("due") });
  }
  const priorityWords = wordsOf("priority");
  if (parsed.priority && priorityWords.length > 0) {
    task.priority = parsed.priority;
    chips.push({
      key: "priority",
      field: "priority",
      label: `${parsed.priority} priority`,
      words: priorityWords,
    });
  }
  if (parsed.tags?.length) task.tags = parsed.tags;
  const tagWords = wordsOf("tag");
  for (const tag of parsed.tags ?? []) {
    const own = tagWords.filter((typed) => typed.replace(/^#+/, "").normalize("NFC").toLowerCase() === tag);
    chips.push({ key: `tag:${tag}`, field: "tag", label: `#${tag}`, words: own.length ? own : tagWords });
  }
  if (parsed.remind_at || typeof parsed.remind_before === "number") {
    task.remind_at = parsed.remind_at ?? null;
    task.remind_before = parsed.remind_before ?? null;
    const label = parsed.remind_at
      ? `reminder ${formatDue(new Date(parsed.remind_at), false, now)}`
      : `reminder ${sayMinutesBefore(parsed.remind_before ?? 0)}`;
    chips.push({ key: "reminder", field: "reminder", label, words: wordsOf("reminder") });
  }
  if (parsed.description) {
    task.description = parsed.description;
    chips.push({
      key: "description",
      field: "description",
      label: "description",
      words: wordsOf("description"),
    });
  }
  return { task, chips, note };
}

/** Returns the grammar's title with the masked words, and with the first letter as typed. */
function titleAsTyped(text: string, kept: readonly string[], title: string): string {
  const inOrder = [...kept].sort((a, b) => text.indexOf(a) - text.indexOf(b));
  const shown = title.replaceAll(MASKED, () => inOrder.shift() ?? "");
  const first = [...text.trim()][0] ?? "";
  const [initial = "", ...rest] = shown;
  return first.toLowerCase() === initial.toLowerCase() ? first + rest.join("") : shown;
}
