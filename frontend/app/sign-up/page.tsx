import type { Metadata } from "next";
import { Suspense } from "react";
import { CenteredPage } from "@/components/ui/centered-page";
import { ThemeToggle } from "@/components/ui/theme-toggle";
import { AccountForm } from "@/features/accounts/components/account-form";
import { PRODUCT } from "@/features/accounts/product";

export const metadata: Metadata = { title: "Create an account" };

export default function SignUpPage() {
  return (
    <CenteredPage header={<ThemeToggle />} title="Create an account" lead={PRODUCT}>
      <Suspense>
        <AccountForm mode="sign-up" />
      </Suspense>
    </CenteredPage>
  );
}
