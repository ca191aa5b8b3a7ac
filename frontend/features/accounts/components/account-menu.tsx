"use client";

import * as Menu from "@radix-ui/react-dropdown-menu";
import { Check, LogOut, Settings } from "lucide-react";
import { useState } from "react";
import { MenuContent, MenuItem, menuItem } from "@/components/ui/menu";
import { PageLink } from "@/components/ui/page-link";
import { chosenTheme, chooseTheme, type ThemeChoice } from "@/lib/theme";
import { type AccountProps, accountTrigger } from "./account-trigger";

const themes: readonly [ThemeChoice, label: string][] = [
  ["light", "Light"],
  ["dark", "Dark"],
  ["system", "System"],
];

/** The menu of the account. It is open when it is first shown. */
export function AccountMenu(props: AccountProps) {
  const { user, onSignOut } = props;
  const [theme, setTheme] = useState(chosenTheme);
  return (
    <Menu.Root modal={false} defaultOpen onOpenChange={(open) => open && setTheme(chosenTheme())}>
      <Menu.Trigger {...accountTrigger(props)} />
      <MenuContent>
        <div className="max-w-64 px-2.5 py-1.5">
          <div className="truncate font-medium">{user?.name}</div>
          <div className="truncate text-small text-text-2">{user?.email}</div>
        </div>
        <Menu.Separator className="my-1 h-px bg-line" />
        <Menu.Label className="px-2.5 pt-1.5 pb-0.5 text-small text-text-2">Theme</Menu.Label>
        <Menu.RadioGroup value={theme}>
          {themes.map(([value, label]) => (
            <Menu.RadioItem
              key={value}
              value={value}
              className={menuItem}
              onSelect={() => chooseTheme(value)}
            >
              <Check aria-hidden="true" className={value === theme ? undefined : "invisible"} /> {label}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
        <Menu.Separator className="my-1 h-px bg-line" />
        <MenuItem asChild>
          <PageLink href="/settings">
            <Settings aria-hidden="true" /> Settings
          </PageLink>
        </MenuItem>
        <MenuItem onSelect={onSignOut}>
          <LogOut aria-hidden="true" /> Sign out
        </MenuItem>
      </MenuContent>
    </Menu.Root>
  );
}
