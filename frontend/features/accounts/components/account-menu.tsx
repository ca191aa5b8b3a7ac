"use client";

import * as Menu from "@radix-ui/react-dropdown-menu";
import { LogOut, Settings } from "lucide-react";
import Link from "next/link";
import { useEffect } from "react";
import { MenuContent, MenuItem } from "@/components/ui/menu";
import { storeTimeZone } from "../store-time-zone";
import type { SignedInUser } from "../use-signed-in-user";

/** Shows who is signed in, and signs out. */
export function AccountMenu({ user, onSignOut }: { user: SignedInUser | null; onSignOut: () => void }) {
  const initial = (user?.name || user?.email || "").trim().slice(0, 1).toUpperCase();
  const userId = user?.id;
  useEffect(() => void (userId && storeTimeZone(userId)), [userId]);
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger
        aria-label="Account"
        title={user?.email}
        disabled={!user}
        className="ml-1 flex size-8 items-center justify-center rounded-full bg-surface-3 text-small font-semibold text-text-2 transition-colors hover:text-text"
      >
        {initial}
      </Menu.Trigger>
      <MenuContent>
        <div className="max-w-64 px-2.5 py-1.5">
          <div className="truncate font-medium">{user?.name}</div>
          <div className="truncate text-small text-text-2">{user?.email}</div>
        </div>
        <Menu.Separator className="my-1 h-px bg-line" />
        <MenuItem asChild>
          <Link href="/settings" prefetch={false}>
            <Settings aria-hidden="true" /> Settings
          </Link>
        </MenuItem>
        <MenuItem onSelect={onSignOut}>
          <LogOut aria-hidden="true" /> Sign out
        </MenuItem>
      </MenuContent>
    </Menu.Root>
  );
}
