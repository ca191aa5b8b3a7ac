"use client";

import { Check } from "lucide-react";
import type { ComponentProps } from "react";
import { classNames } from "@/components/ui/class-names";
import type { Priority } from "@/lib/task";

const rings: Record<Priority, string> = {
  high: "border-danger border-[2.5px] bg-danger-soft",
  medium: "border-line-strong border-[1.5px]",
  low: "border-line-strong border-[1.5px] border-dashed",
};

const priorityNames: Record<Priority, string> = {
  high: "High priority",
  medium: "Medium priority",
  low: "Low priority",
};

type TaskCheckProps = ComponentProps<"button"> & {
  title: string;
  priority: Priority;
  checked: boolean;
  isSelected: boolean;
  /** Whether the checkbox selects the task instead of completing it. */
  isSelecting: boolean;
};

/** The round checkbox of a task; its ring shows the priority. */
export function TaskCheck(props: TaskCheckProps) {
  const { title, priority, checked, isSelected, isSelecting, className, ...others } = props;
  const isMarked = isSelecting ? isSelected : checked;
  return (
    <button
      type="button"
      role="checkbox"
      aria-checked={isMarked}
      aria-label={isSelecting ? `Select ${title}` : title}
      title={priorityNames[priority] + (isSelected ? ", selected" : "")}
      className={classNames("group/check -m-2 shrink-0 rounded-full p-2 outline-offset-[-4px]", className)}
      {...others}
    >
      <span
        className={classNames(
          "flex size-5 items-center justify-center rounded-full transition-colors",
          isMarked ? (isSelecting ? "bg-accent text-surface" : "bg-done text-surface") : rings[priority],
        )}
      >
        <Check
          className={classNames(
            "size-3 transition-opacity",
            isMarked ? "opacity-100" : "opacity-0 group-hover/check:opacity-60",
          )}
          strokeWidth={3.5}
          aria-hidden="true"
        />
      </span>
    </button>
  );
}
