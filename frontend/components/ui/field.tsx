import { type ComponentProps, useId } from "react";
import { classNames } from "./class-names";

export const inputStyle = classNames(
  "block w-full rounded-lg border border-line-strong/60 bg-surface px-3 py-2 transition-colors",
  "hover:border-line-strong focus:border-accent focus:outline-1 focus:outline-accent focus:outline-offset-0",
  "aria-invalid:border-danger aria-invalid:focus:outline-danger",
);

type FieldProps = ComponentProps<"input"> & {
  label: string;
  /** The validation error, shown below the input. */
  error?: string | undefined;
  hint?: string;
};

/** A labelled input with its error or hint below it. */
export function Field({ label, error, hint, className, ...props }: FieldProps) {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-small font-medium">
        {label}
      </label>
      <input
        id={id}
        className={inputStyle}
        aria-invalid={error ? true : undefined}
        aria-describedby={note ? `${id}-note` : undefined}
        {...props}
      />
      {note && (
        <p id={`${id}-note`} className={classNames("mt-1 text-small", error ? "text-danger" : "text-text-2")}>
          {note}
        </p>
      )}
    </div>
  );
}
