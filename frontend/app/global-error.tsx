"use client";

import "./globals.css";
import { CenteredPage } from "@/components/ui/centered-page";
import { Button } from "@/components/ui/button";

/** Replaces the whole document when the layout itself fails. */
export default function GlobalErrorPage({ reset }: { reset: () => void }) {
  return (
    <html lang="en">
      <body>
        <CenteredPage title="Something went wrong">
          <p className="mb-6 text-text-2">
            Your tasks are safe on the server. Try again, or reload the page.
          </p>
          <Button variant="primary" onClick={reset}>
            Try again
          </Button>
        </CenteredPage>
      </body>
    </html>
  );
}
