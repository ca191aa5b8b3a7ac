import type { Metadata } from "next";
import { CenteredPage } from "@/components/ui/centered-page";
import { PageLink } from "@/components/ui/page-link";

export const metadata: Metadata = { title: "Page not found" };

export default function NotFound() {
  return (
    <CenteredPage title="Page not found">
      <p className="mb-6 text-text-2">The address may be wrong, or the page no longer exists.</p>
      <PageLink href="/" className="font-medium text-accent hover:underline">
        Go to your tasks
      </PageLink>
    </CenteredPage>
  );
}
