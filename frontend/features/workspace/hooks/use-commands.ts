"use client";

import { useRouter } from "next/navigation";
import { runLatestToastAction } from "@/components/ui/toaster";
import { goToView } from "@/features/tasks/use-view";
import { titleOf, viewNames } from "@/features/tasks/views";
import { switchTheme } from "@/lib/theme";
import type { PaletteCommand } from "../components/palette";
import type { Shortcuts } from "./use-shortcuts";

/** Returns the commands of the palette. `showTasks` shows the pane of the tasks before a view changes. */
export function useCommands(
  shortcuts: Shortcuts,
  showTasks: () => void,
  signOut: () => Promise<void>,
): PaletteCommand[] {
  const router = useRouter();
  return [
    { label: "Add a task", keys: "q", run: shortcuts.addTask },
    { label: "Write a message", keys: "c", run: shortcuts.writeMessage },
    ...viewNames.map((name) => ({
      label: `Go to ${titleOf({ name })}`,
      run: () => {
        showTasks();
        goToView({ name });
      },
    })),
    { label: "Go to Insights", run: () => router.push("/insights") },
    { label: "Go to Settings", run: () => router.push("/settings") },
    { label: "Undo the last action", keys: "Ctrl Z", run: runLatestToastAction },
    { label: "Switch theme", run: switchTheme },
    { label: "Keyboard shortcuts", keys: "?", run: shortcuts.showHelp },
    { label: "Sign out", run: () => void signOut() },
  ];
}
