"use client";

import { Button } from "@/components/ui/button";
import { CenteredPage } from "@/components/ui/centered-page";

export default function ErrorPage({ reset }: { reset: () => void }) {
  return (
    <CenteredPage title="Something went wrong">
      <p className="mb-6 text-text-2">Your tasks are safe on the server. Try again, or reload the page.</p>
      <Button variant="primary" onClick={reset}>
        Try again
      </Button>
    </CenteredPage>
  );
}
