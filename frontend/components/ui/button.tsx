import type { ComponentProps } from "react";
import { classNames } from "./class-names";

const variants = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong",
  secondary: "border border-line bg-raised hover:bg-surface-3",
  quiet: "text-text-2 hover:bg-surface-3 hover:text-text",
  danger: "text-danger hover:bg-danger-soft",
};

type ButtonProps = ComponentProps<"button"> & { variant?: keyof typeof variants };

/** Returns the style of a button, also for a link that looks like one. */
export const buttonStyle = (variant: keyof typeof variants = "secondary", className?: string) =>
  classNames(
    "inline-flex h-9 items-center justify-center gap-1.5 rounded-lg px-3 font-medium whitespace-nowrap",
    "transition-colors disabled:opacity-55 [&_svg]:size-4",
    variants[variant],
    className,
  );

export function Button({ variant, className, type = "button", ...props }: ButtonProps) {
  return <button type={type} className={buttonStyle(variant, className)} {...props} />;
}

type IconButtonProps = Omit<ComponentProps<"button">, "aria-label"> & {
  /** The action of the button: its accessible name and its tooltip. */
  label: string;
};

export function IconButton({ label, className, type = "button", ...props }: IconButtonProps) {
  return (
    <button
      type={type}
      aria-label={label}
      title={label}
      className={classNames(
        "inline-flex size-9 shrink-0 items-center justify-center rounded-lg text-text-2 transition-colors",
        "hover:bg-surface-3 hover:text-text disabled:opacity-55 [&_svg]:size-[18px]",
        className,
      )}
      {...props}
    />
  );
}
