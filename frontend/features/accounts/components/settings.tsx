"use client";

import { later } from "@/components/ui/later";
import { Page } from "@/components/ui/page";
import { AccessTokensSection } from "./access-tokens-section";
import { DeleteAccountSection } from "./delete-account-section";
import { DevicesSection } from "./devices-section";
import { PasswordSection } from "./password-section";
import { PreferencesSection } from "./preferences-section";
import { ProfileSection } from "./profile-section";
import { useSignedInUser } from "../use-signed-in-user";

const DataSections = later(async () => (await import("./data-sections")).DataSections);

/** The account and the preferences of the signed-in user. */
export function Settings() {
  const { user, isSignedOut, signOut } = useSignedInUser();
  if (isSignedOut) return null;
  return (
    <Page title="Settings">
      {user && (
        <>
          <ProfileSection key={user.id} user={user} />
          <PreferencesSection />
          <DataSections />
          <PasswordSection />
          <DevicesSection onSignOut={() => void signOut()} />
          <AccessTokensSection />
          <DeleteAccountSection email={user.email} />
        </>
      )}
    </Page>
  );
}
