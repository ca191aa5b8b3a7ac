"use client";

import { Moon, Sun } from "lucide-react";
import { useSyncExternalStore } from "react";
import { currentTheme, onThemeChange, switchTheme } from "@/lib/theme";
import { IconButton } from "./button";

export function ThemeToggle() {
  const theme = useSyncExternalStore(onThemeChange, currentTheme, () => "light" as const);
  const other = theme === "dark" ? "light" : "dark";
  return (
    <IconButton label={`Switch to ${other} theme`} onClick={switchTheme}>
      {theme === "dark" ? <Sun /> : <Moon />}
    </IconButton>
  );
}
