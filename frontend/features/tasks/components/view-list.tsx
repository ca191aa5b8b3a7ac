"use client";

import {
  CalendarCheck,
  CalendarDays,
  ChartColumn,
  CircleCheck,
  Hash,
  List,
  type LucideIcon,
} from "lucide-react";
import { type MouseEvent, useDeferredValue, useMemo } from "react";
import { classNames } from "@/components/ui/class-names";
import { PageLink } from "@/components/ui/page-link";
import { useNow } from "@/lib/use-now";
import { useOpenTasks } from "../api/use-tasks";
import { goToView } from "../use-view";
import { addressOf, countViews, titleOf, type View, type ViewName, viewNames } from "../views";

const icons: Record<ViewName | "tag", LucideIcon> = {
  today: CalendarCheck,
  upcoming: CalendarDays,
  all: List,
  done: CircleCheck,
  tag: Hash,
};

type ViewListProps = {
  current: View;
  /** Called when a view is chosen. */
  onChoose?: () => void;
};

/** Links to the views of the list and to the tags, with the number of open tasks in each. */
export function ViewList({ current, onChoose }: ViewListProps) {
  // The list shows a change first, then its counts.
  const openTasks = useDeferredValue(useOpenTasks());
  const now = useNow();
  const counts = useMemo(() => countViews(openTasks, now), [openTasks, now]);
  const link = (view: View, count?: number) => (
    <ViewLink
      view={view}
      isCurrent={addressOf(view) === addressOf(current)}
      count={count}
      onChoose={onChoose}
    />
  );
  return (
    <nav aria-label="Views" className="space-y-0.5">
      {viewNames.map((name) => (
        <div key={name}>{link({ name }, name === "done" ? undefined : counts[name])}</div>
      ))}
      <PageLink
        href="/insights"
        className="flex h-9 items-center gap-2.5 rounded-lg px-2.5 transition-colors hover:bg-surface-3 pointer-coarse:h-11"
      >
        <ChartColumn className="size-4 shrink-0" aria-hidden="true" />
        Insights
      </PageLink>
      {counts.tags.length > 0 && (
        <div role="group" aria-labelledby="view-tags">
          <h2 id="view-tags" className="px-2.5 pt-5 pb-1 text-small font-semibold text-text-2">
            Tags
          </h2>
          {counts.tags.map(([tag, count]) => (
            <div key={tag}>{link({ name: "tag", tag }, count)}</div>
          ))}
        </div>
      )}
    </nav>
  );
}

type ViewLinkProps = {
  view: View;
  isCurrent: boolean;
  count: number | undefined;
  onChoose: (() => void) | undefined;
};

function ViewLink({ view, isCurrent, count, onChoose }: ViewLinkProps) {
  const Icon = icons[view.name];
  const choose = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    goToView(view);
    onChoose?.();
  };
  return (
    <a
      href={addressOf(view)}
      aria-current={isCurrent ? "page" : undefined}
      onClick={choose}
      className={classNames(
        "flex h-9 items-center gap-2.5 rounded-lg px-2.5 transition-colors pointer-coarse:h-11",
        isCurrent ? "bg-accent-soft font-medium text-accent" : "hover:bg-surface-3",
      )}
    >
      <Icon className="size-4 shrink-0" aria-hidden="true" />
      <span className="min-w-0 grow truncate" dir="auto">
        {view.name === "tag" ? view.tag : titleOf(view)}
      </span>
      {Boolean(count) && (
        <span className={classNames("text-small", !isCurrent && "text-text-2")}>
          <span className="sr-only">, </span>
          {count}
        </span>
      )}
    </a>
  );
}
