"use client";

import { Page } from "@/components/ui/page";
import { useSignedInUser } from "@/features/accounts/use-signed-in-user";
import { Insights } from "@/features/insights/components/insights";

/** The insights of the signed-in user. */
export function InsightsPage() {
  const { user, isSignedOut } = useSignedInUser();
  if (isSignedOut) return null;
  return <Page title="Insights">{user && <Insights key={user.id} />}</Page>;
}
