"use client";

import { ListTodo, MessageSquare } from "lucide-react";
import { classNames } from "@/components/ui/class-names";

export type Pane = "tasks" | "chat";

const tabs = [
  { pane: "tasks", label: "Tasks", Icon: ListTodo },
  { pane: "chat", label: "Chat", Icon: MessageSquare },
] as const;

/** Switches between the panes on a phone. */
export function TabBar({ pane, onChoose }: { pane: Pane; onChoose: (pane: Pane) => void }) {
  return (
    <nav
      aria-label="Panes"
      className="flex shrink-0 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {tabs.map((tab) => (
        <button
          key={tab.pane}
          type="button"
          aria-current={pane === tab.pane ? "page" : undefined}
          onClick={() => onChoose(tab.pane)}
          className={classNames(
            "flex h-13 grow basis-0 flex-col items-center justify-center gap-0.5 text-small outline-offset-[-3px]",
            pane === tab.pane ? "font-medium text-accent" : "text-text-2",
          )}
        >
          <tab.Icon className="size-5" aria-hidden="true" />
          {tab.label}
        </button>
      ))}
    </nav>
  );
}
