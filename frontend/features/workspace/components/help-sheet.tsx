"use client";

import { Sheet } from "@/components/ui/sheet";

const shortcuts = [
  { keys: ["q"], action: "Add a task" },
  { keys: ["/"], action: "Search tasks and commands" },
  { keys: ["Ctrl", "K"], action: "Search, also while you type" },
  { keys: ["c"], action: "Write a message" },
  { keys: ["↑", "↓"], action: "Move between tasks" },
  { keys: ["Alt", "↑ ↓"], action: "Move a task without a date" },
  { keys: ["Home", "End"], action: "First and last task" },
  { keys: ["Space"], action: "Complete or reopen the task" },
  { keys: ["Enter"], action: "Edit the task" },
  { keys: ["x"], action: "Select the task" },
  { keys: ["Shift", "↓"], action: "Select several tasks" },
  { keys: ["Tab"], action: "Move to the task's actions" },
  { keys: ["Ctrl", "Z"], action: "Undo the last action" },
  { keys: ["Ctrl", "Enter"], action: "Save and close the task" },
  { keys: ["Esc"], action: "Close, or leave the input" },
  { keys: ["?"], action: "Show keyboard shortcuts" },
];

export function HelpSheet({ onClose }: { onClose: () => void }) {
  return (
    <Sheet title="Keyboard shortcuts" onClose={onClose}>
      <dl className="overflow-y-auto px-5 pb-6">
        {shortcuts.map(({ keys, action }) => (
          <div
            key={action}
            className="flex items-center justify-between border-b border-line py-2.5 last:border-0"
          >
            <dt>{action}</dt>
            <dd className="flex gap-1">
              {keys.map((key) => (
                <kbd
                  key={key}
                  className="min-w-6 rounded border border-line bg-surface-2 px-1.5 py-0.5 text-center font-sans text-small"
                >
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Sheet>
  );
}
