"use client";

import { ArrowLeft } from "lucide-react";
import Link from "next/link";
import { useSignedInUser } from "@/features/accounts/use-signed-in-user";
import { Insights } from "@/features/insights/components/insights";

/** The insights of the signed-in user. */
export function InsightsPage() {
  const { user, isSignedOut } = useSignedInUser();
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
        <h1 className="text-title font-semibold">Insights</h1>
        {user && <Insights key={user.id} />}
      </main>
    </div>
  );
}
