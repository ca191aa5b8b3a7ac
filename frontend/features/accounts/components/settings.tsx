"use client";

import { ArrowLeft } from "lucide-react";
import Link from "next/link";
import { AccessTokensSection } from "./access-tokens-section";
import { DeleteAccountSection } from "./delete-account-section";
import { DevicesSection } from "./devices-section";
import { PasswordSection } from "./password-section";
import { PreferencesSection } from "./preferences-section";
import { ProfileSection } from "./profile-section";
import { useSignedInUser } from "../use-signed-in-user";

/** The account and the preferences of the signed-in user. */
export function Settings() {
  const { user, isSignedOut, signOut } = useSignedInUser();
  if (isSignedOut) return null;
  return (
    <div className="min-h-dvh">
      <header className="sticky top-0 z-10 flex h-12 items-center gap-1 border-b border-line bg-surface px-3 md:px-4">
        <Link
          href="/"
          className="inline-flex h-9 items-center gap-1.5 rounded-lg px-2 text-text-2 transition-colors hover:bg-surface-3 hover:text-text [&_svg]:size-4"
        >
          <ArrowLeft aria-hidden="true" /> Tasks
        </Link>
      </header>
      <main className="mx-auto w-full max-w-[46rem] px-4 pt-6 pb-16">
        <h1 className="text-title font-semibold">Settings</h1>
        {user && (
          <>
            <ProfileSection key={user.id} user={user} />
            <PreferencesSection />
            <PasswordSection />
            <DevicesSection onSignOut={() => void signOut()} />
            <AccessTokensSection />
            <DeleteAccountSection email={user.email} />
          </>
        )}
      </main>
    </div>
  );
}
