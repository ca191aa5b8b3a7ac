"use client";

import { Button } from "@/components/ui/button";
import { formatDay } from "@/lib/calendar";
import { useCalendar, useCreateCalendar, useRevokeCalendar } from "../api/data-queries";
import { Failure, ShownOnce, SettingsSection } from "./settings-section";

/** The secret address of the calendar: created, copied, renewed and turned off. */
export function CalendarSection() {
  const calendar = useCalendar();
  const create = useCreateCalendar();
  const revoke = useRevokeCalendar(create.reset);
  const since = calendar.data?.created_at;
  const isBusy = !calendar.data || create.isPending || revoke.isPending;
  return (
    <SettingsSection
      title="Calendar"
      description="Subscribe to your tasks with a date in any calendar program. Whoever has the address can read them."
    >
      {create.data && (
        <ShownOnce
          key={create.data.url}
          what="address"
          value={create.data.url}
          advice="Add it to your calendar program as a subscription."
        />
      )}
      {calendar.data && (
        <p className="text-text-2">
          {since
            ? `Created ${formatDay(new Date(since), new Date())}. A new address replaces it, and the old one stops working.`
            : "No calendar address yet."}
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <Button disabled={isBusy} onClick={() => create.mutate(undefined)}>
          {since ? "Renew address" : "Create address"}
        </Button>
        {since && (
          <Button variant="danger" disabled={isBusy} onClick={() => revoke.mutate(undefined)}>
            Turn off
          </Button>
        )}
      </div>
      <Failure error={calendar.error ?? create.error ?? revoke.error} />
    </SettingsSection>
  );
}
