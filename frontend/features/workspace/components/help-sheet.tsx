"use client";

import { Sheet } from "@/components/ui/sheet";

const shortcuts = [
  { keys: ["q"], what: "Add a task" },
  { keys: ["c"], what: "Write to the chat" },
  { keys: ["↑", "↓"], what: "Move between tasks" },
  { keys: ["Home", "End"], what: "First and last task" },
  { keys: ["Space"], what: "Complete the task, or open it again" },
  { keys: ["Enter"], what: "Edit the task" },
  { keys: ["Tab"], what: "To the task's actions" },
  { keys: ["Ctrl", "Z"], what: "Undo what was just done" },
  { keys: ["Ctrl", "Enter"], what: "Save in the edit sheet" },
  { keys: ["Esc"], what: "Close, or leave the input" },
  { keys: ["?"], what: "This list" },
];

export function HelpSheet({ onClose }: { onClose: () => void }) {
  return (
    <Sheet title="Keyboard shortcuts" onClose={onClose}>
      <dl className="overflow-y-auto px-5 pb-6">
        {shortcuts.map(({ keys, what }) => (
          <div
            key={what}
            className="flex items-center justify-between border-b border-line py-2.5 last:border-0"
          >
            <dt>{what}</dt>
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
