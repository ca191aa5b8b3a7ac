"use client";

import { useId, useSyncExternalStore, type ComponentProps } from "react";
import { inputStyle } from "@/components/ui/field";
import { chooseTheme, chosenTheme, onThemeChange, type ThemeChoice } from "@/lib/theme";
import { usePreferences, useUpdatePreferences } from "../api/settings-queries";
import { Failure, SettingsSection } from "./settings-section";

const WEEK_STARTS = [
  ["monday", "Monday"],
  ["sunday", "Sunday"],
  ["saturday", "Saturday"],
] as const;

export function PreferencesSection() {
  const theme = useSyncExternalStore(onThemeChange, chosenTheme, () => "system" as const);
  const preferences = usePreferences();
  const update = useUpdatePreferences();
  // What was chosen shows at once.
  const shown = { ...preferences.data, ...(update.isPending && update.variables) };
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = new Set([
    local,
    ...(shown.time_zone ? [shown.time_zone] : []),
    ...Intl.supportedValuesOf("timeZone"),
  ]);
  return (
    <SettingsSection title="Preferences">
      <Select
        label="Theme"
        value={theme}
        onChange={(event) => chooseTheme(event.target.value as ThemeChoice)}
      >
        <option value="light">Light</option>
        <option value="dark">Dark</option>
        <option value="system">System</option>
      </Select>
      <Select
        label="Week starts on"
        value={shown.week_start ?? "monday"}
        disabled={!preferences.data}
        onChange={(event) =>
          update.mutate({ week_start: event.target.value as (typeof WEEK_STARTS)[number][0] })
        }
      >
        {WEEK_STARTS.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </Select>
      <Select
        label="Time zone"
        value={shown.time_zone ?? ""}
        disabled={!preferences.data}
        onChange={(event) => update.mutate({ time_zone: event.target.value || null })}
      >
        <option value="">Not set</option>
        {[...zones].map((zone) => (
          <option key={zone} value={zone}>
            {zone.replaceAll("_", " ")}
          </option>
        ))}
      </Select>
      <Failure error={preferences.error ?? update.error} />
    </SettingsSection>
  );
}

function Select({ label, ...props }: ComponentProps<"select"> & { label: string }) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small font-medium">
        {label}
      </label>
      <select id={id} className={inputStyle} {...props} />
    </div>
  );
}
