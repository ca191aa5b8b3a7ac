"use client";

import { Check, CircleAlert, CircleHelp, LoaderCircle } from "lucide-react";
import { useState } from "react";
import { classNames } from "@/components/ui/class-names";
import type { Task } from "@/lib/task";
import type { ToolPart } from "../conversation";
import { receiptOf } from "../receipt";

type ReceiptViewProps = {
  part: ToolPart;
  onShowTask: (task: Task) => void;
  /** Undoes a step and returns whether it is undone now. */
  onUndo: (task: Task, step: string) => Promise<boolean>;
};

/** One line that describes a tool call and its result. */
export function ReceiptView({ part, onShowTask, onUndo }: ReceiptViewProps) {
  // Relative days such as "tomorrow" are relative to the time of reading.
  const { state, text, task, step } = receiptOf(part, new Date());
  const [undo, setUndo] = useState<"no" | "underway" | "yes">("no");
  const undone = part.undone ? "yes" : undo;
  const canShow = task !== null && part.toolName !== "delete_task" && undone === "no";

  const runUndo = async () => {
    if (task === null || step === null) return;
    setUndo("underway");
    setUndo((await onUndo(task, step)) ? "yes" : "no");
  };

  const icons = {
    running: (
      <LoaderCircle className="mt-0.5 size-3.5 shrink-0 animate-spin text-text-2" aria-hidden="true" />
    ),
    done: <Check className="mt-0.5 size-3.5 shrink-0 text-done" strokeWidth={3} aria-hidden="true" />,
    waiting: <CircleHelp className="mt-0.5 size-3.5 shrink-0 text-text-2" aria-hidden="true" />,
    failed: <CircleAlert className="mt-0.5 size-3.5 shrink-0 text-danger" aria-hidden="true" />,
  };

  return (
    <div className="my-1.5 flex w-fit max-w-full items-stretch overflow-hidden rounded-lg border border-line bg-surface text-small">
      {canShow ? (
        <button
          type="button"
          title="Show in the list"
          onClick={() => onShowTask(task)}
          className="flex min-w-0 gap-2 px-2.5 py-1.5 text-left outline-offset-[-2px] hover:bg-surface-3"
        >
          {icons[state]}
          <span className="min-w-0 [overflow-wrap:anywhere]">{text}</span>
        </button>
      ) : (
        <span className={classNames("flex min-w-0 gap-2 px-2.5 py-1.5", undone === "yes" && "text-text-2")}>
          {icons[state]}
          <span
            className={classNames("min-w-0 [overflow-wrap:anywhere]", undone === "yes" && "line-through")}
          >
            {text}
          </span>
        </span>
      )}
      {step !== null && state === "done" && undone !== "yes" && (
        <button
          type="button"
          disabled={undone === "underway"}
          onClick={() => void runUndo()}
          className="shrink-0 border-l border-line px-2.5 font-medium text-accent outline-offset-[-2px] hover:bg-accent-soft disabled:opacity-55"
        >
          Undo
        </button>
      )}
    </div>
  );
}
