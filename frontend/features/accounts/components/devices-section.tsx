"use client";

import { Button } from "@/components/ui/button";
import { formatDay } from "@/lib/calendar";
import { useDevices, useEndOtherSessions, useEndSession } from "../api/settings-queries";
import { describeDevice } from "../settings";
import { Failure, SettingsRow, SettingsSection } from "./settings-section";

export function DevicesSection({ onSignOut }: { onSignOut: () => void }) {
  const devices = useDevices();
  const end = useEndSession();
  const endOthers = useEndOtherSessions();
  const isChanging = end.isPending || endOthers.isPending;
  const now = new Date();
  return (
    <SettingsSection title="Sessions" description="Where you are signed in.">
      <ul>
        {devices.data?.map((device) => (
          <SettingsRow
            key={device.id}
            title={describeDevice(device.userAgent)}
            note={device.isCurrent ? "This device" : `Active ${formatDay(device.updatedAt, now)}`}
          >
            {device.isCurrent ? (
              <Button onClick={onSignOut}>Sign out</Button>
            ) : (
              <Button disabled={isChanging} onClick={() => end.mutate(device.token)}>
                End session
              </Button>
            )}
          </SettingsRow>
        ))}
      </ul>
      {(devices.data?.length ?? 0) > 1 && (
        <Button disabled={isChanging} onClick={() => endOthers.mutate(undefined)}>
          End all other sessions
        </Button>
      )}
      <Failure error={devices.error ?? end.error ?? endOthers.error} />
    </SettingsSection>
  );
}
