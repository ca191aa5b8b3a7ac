import type { Metadata } from "next";
import { Suspense } from "react";
import { CenteredPage } from "@/components/ui/centered-page";
import { ThemeToggle } from "@/components/ui/theme-toggle";
import { AccountForm } from "@/features/accounts/components/account-form";
import { PRODUCT } from "@/features/accounts/product";

export const metadata: Metadata = { title: "Sign in" };

export default function SignInPage() {
  return (
    <CenteredPage header={<ThemeToggle />} title="Sign in" lead={PRODUCT}>
      <Suspense>
        <AccountForm mode="sign-in" />
      </Suspense>
    </CenteredPage>
  );
}
