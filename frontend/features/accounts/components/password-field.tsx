"use client";

import { Eye, EyeOff } from "lucide-react";
import { type ComponentProps, useState } from "react";
import { IconButton } from "@/components/ui/button";
import { Field } from "@/components/ui/field";

type PasswordFieldProps = Partial<
  Pick<ComponentProps<typeof Field>, "label" | "name" | "autoComplete" | "error" | "hint">
>;

/** A password input with a button that shows the text. */
export function PasswordField(props: PasswordFieldProps) {
  const [visible, setVisible] = useState(false);
  return (
    <div className="relative">
      <Field
        label="Password"
        name="password"
        type={visible ? "text" : "password"}
        autoCapitalize="none"
        spellCheck={false}
        className="[&_input]:pr-11"
        {...props}
      />
      <IconButton
        label={`${visible ? "Hide" : "Show"} ${(props.label ?? "Password").toLowerCase()}`}
        className="absolute top-[23px] right-0.5 size-9"
        onClick={() => setVisible(!visible)}
      >
        {visible ? <EyeOff /> : <Eye />}
      </IconButton>
    </div>
  );
}
