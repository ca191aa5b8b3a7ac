import type { Metadata } from "next";
import { Suspense } from "react";
import { CenteredPage } from "@/components/ui/centered-page";
import { ThemeToggle } from "@/components/ui/theme-toggle";
import { ResetPasswordForm } from "@/features/accounts/components/reset-password-form";

export const metadata: Metadata = { title: "Choose a new password" };

export default function ResetPasswordPage() {
  return (
    <CenteredPage header={<ThemeToggle />} title="Choose a new password">
      <Suspense>
        <ResetPasswordForm />
      </Suspense>
    </CenteredPage>
  );
}
