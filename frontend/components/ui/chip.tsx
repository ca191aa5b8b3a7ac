import type { ComponentProps } from "react";
import { classNames } from "./class-names";

type ChipProps = ComponentProps<"button"> & { pressed?: boolean };

/** A small toggle button. */
export function Chip({ pressed, className, ...props }: ChipProps) {
  return (
    <button
      type="button"
      aria-pressed={pressed}
      className={classNames(
        "inline-flex h-8 items-center gap-1 rounded-full border px-2.5 text-small whitespace-nowrap transition-colors sm:px-3 [&_svg]:size-3.5",
        pressed
          ? "border-accent bg-accent-soft font-medium text-accent"
          : "border-line text-text-2 hover:bg-surface-3 hover:text-text",
        className,
      )}
      {...props}
    />
  );
}
