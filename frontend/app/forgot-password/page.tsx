import type { Metadata } from "next";
import { CenteredPage } from "@/components/ui/centered-page";
import { ThemeToggle } from "@/components/ui/theme-toggle";
import { ForgotPasswordForm } from "@/features/accounts/components/forgot-password-form";

export const metadata: Metadata = { title: "Reset your password" };

export default function ForgotPasswordPage() {
  return (
    <CenteredPage header={<ThemeToggle />} title="Reset your password">
      <ForgotPasswordForm />
    </CenteredPage>
  );
}
