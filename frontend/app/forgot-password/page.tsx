import type { Metadata } from "next";
import { CenteredPage } from "@/components/ui/centered-page";
import { ForgotPasswordForm } from "@/features/accounts/components/forgot-password-form";

export const metadata: Metadata = { title: "Reset your password" };

export default function ForgotPasswordPage() {
  return (
    <CenteredPage title="Reset your password">
      <ForgotPasswordForm />
    </CenteredPage>
  );
}
