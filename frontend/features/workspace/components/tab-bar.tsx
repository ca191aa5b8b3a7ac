"use client";

import { ChartColumn, ListTodo, MessageSquare, PanelLeft } from "lucide-react";
import { classNames } from "@/components/ui/class-names";
import { PageLink } from "@/components/ui/page-link";

export type Pane = "tasks" | "chat";

const tabs = [
  { pane: "tasks", label: "Tasks", Icon: ListTodo },
  { pane: "chat", label: "Chat", Icon: MessageSquare },
] as const;

type TabBarProps = { pane: Pane; onChoose: (pane: Pane) => void; onShowViews: () => void };

const tabStyle =
  "flex h-13 grow basis-0 flex-col items-center justify-center gap-0.5 text-small outline-offset-[-3px]";

/** Switches between the panes on a phone, and opens its views. */
export function TabBar({ pane, onChoose, onShowViews }: TabBarProps) {
  return (
    <nav
      aria-label="Panes"
      className="flex shrink-0 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      <button
        type="button"
        aria-haspopup="dialog"
        onClick={onShowViews}
        className={classNames(tabStyle, "text-text-2")}
      >
        <PanelLeft className="size-5" aria-hidden="true" />
        Views
      </button>
      {tabs.map((tab) => (
        <button
          key={tab.pane}
          type="button"
          aria-current={pane === tab.pane ? "page" : undefined}
          onClick={() => onChoose(tab.pane)}
          className={classNames(tabStyle, pane === tab.pane ? "font-medium text-accent" : "text-text-2")}
        >
          <tab.Icon className="size-5" aria-hidden="true" />
          {tab.label}
        </button>
      ))}
      <PageLink href="/insights" className={classNames(tabStyle, "text-text-2")}>
        <ChartColumn className="size-5" aria-hidden="true" />
        Insights
      </PageLink>
    </nav>
  );
}
