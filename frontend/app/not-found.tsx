import type { Metadata } from "next";
import Link from "next/link";
import { CenteredPage } from "@/components/ui/centered-page";

export const metadata: Metadata = { title: "Page not found" };

export default function NotFound() {
  return (
    <CenteredPage title="Page not found">
      <p className="mb-6 text-text-2">The address may be wrong, or the page no longer exists.</p>
      <Link href="/" className="font-medium text-accent hover:underline">
        Go to your tasks
      </Link>
    </CenteredPage>
  );
}
