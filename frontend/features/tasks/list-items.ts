/** The list as one sequence of headings, rows and folds: what is rendered of a long list is a part of it. */
import type { Task } from "@/lib/task";
import type { GroupKey, TaskGroup } from "./group-tasks";

/** A section of the list: its group, and the indexes of its heading and of its last item. */
export type Span = { group: TaskGroup; first: number; last: number };

export type ListItem = { key: string; span: Span } & (
  { kind: "heading" } | { kind: "row"; task: Task; place: number } | { kind: "fold"; hidden: number }
);

export type RowItem = Extract<ListItem, { kind: "row" }>;

/** The rows that a folded group shows. */
const FOLDED_ROWS: Partial<Record<GroupKey, number>> = { overdue: 5, earlier: 0 };

export function itemsOf(groups: readonly TaskGroup[], unfolded: ReadonlySet<GroupKey>): ListItem[] {
  const items: ListItem[] = [];
  for (const group of groups) {
    const span = { group, first: items.length, last: items.length };
    items.push({ kind: "heading", key: `heading-${group.key}`, span });
    const limit = unfolded.has(group.key) ? undefined : FOLDED_ROWS[group.key];
    const shown = limit === undefined ? group.tasks : group.tasks.slice(0, limit);
    shown.forEach((task, place) => items.push({ kind: "row", key: task.id, span, task, place }));
    const hidden = group.tasks.length - shown.length;
    if (hidden > 0) items.push({ kind: "fold", key: `fold-${group.key}`, span, hidden });
    span.last = items.length - 1;
  }
  return items;
}

/** A rendered item, with the space in front of it that items without elements would take. */
export type Placed<Item extends ListItem = ListItem> = { item: Item; index: number; gap: number };

/** The part of a list that is rendered: the indexes in ascending order, and where each item begins and ends. */
export type ListWindow = {
  indexes: readonly number[];
  startOf: (index: number) => number;
  endOf: (index: number) => number;
};

export type ListSection = {
  span: Span;
  /** The space of the sections in front of it that are not rendered. */
  gap: number;
  rows: Placed<RowItem>[];
  fold: Placed | null;
  /** The space of the rows after the last one that is rendered. */
  rest: number;
};

/** Returns the sections that are rendered, each with its heading. Without a window, everything is. */
export function sectionsOf(items: readonly ListItem[], window: ListWindow | null): ListSection[] {
  const { startOf, endOf, indexes } = window ?? { startOf: () => 0, endOf: () => 0, indexes: items.keys() };
  const sections: ListSection[] = [];
  let end = 0;
  let cursor = 0;
  const close = (section: ListSection | undefined) => {
    if (!section) return;
    end = endOf(section.span.last);
    section.rest = end - cursor;
  };
  for (const index of indexes) {
    const item = items[index]!;
    let section = sections.at(-1);
    if (section?.span !== item.span) {
      close(section);
      const { span } = item;
      section = { span, gap: startOf(span.first) - end, rows: [], fold: null, rest: 0 };
      sections.push(section);
      cursor = endOf(span.first);
    }
    if (item.kind === "heading") continue;
    const gap = startOf(index) - cursor;
    cursor = endOf(index);
    if (item.kind === "row") section.rows.push({ item, index, gap });
    else section.fold = { item, index, gap };
  }
  close(sections.at(-1));
  return sections;
}
