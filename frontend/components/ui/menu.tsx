"use client";

import * as Menu from "@radix-ui/react-dropdown-menu";
import type { ComponentProps } from "react";
import { classNames } from "./class-names";

/** The content stays beside its trigger in the page: a menu belongs to the same landmark. */
export function MenuContent({ className, ...props }: ComponentProps<typeof Menu.Content>) {
  return (
    <Menu.Content
      align="end"
      sideOffset={4}
      collisionPadding={8}
      className={classNames(
        "z-50 max-h-[min(24rem,var(--radix-dropdown-menu-content-available-height))] min-w-48 animate-fade overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-raised",
        className,
      )}
      {...props}
    />
  );
}

export const menuItem =
  "flex min-h-9 items-center gap-2 rounded-lg px-2.5 py-1.5 outline-none select-none data-highlighted:bg-surface-3 pointer-coarse:min-h-11 [&_svg]:size-4 [&_svg]:text-text-2";

export function MenuItem({ className, ...props }: ComponentProps<typeof Menu.Item>) {
  return <Menu.Item className={classNames(menuItem, className)} {...props} />;
}
