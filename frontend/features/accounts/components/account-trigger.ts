import type { SignedInUser } from "../session";

export type AccountProps = { user: SignedInUser | null; onSignOut: () => void };

/** The button of the account, with and without its menu. */
export const accountTrigger = ({ user }: AccountProps) => ({
  "aria-label": "Account",
  title: user?.email,
  children: (user?.name || user?.email || "").trim().slice(0, 1).toUpperCase(),
  className:
    "ml-1 flex size-8 items-center justify-center rounded-full bg-surface-3 text-small font-semibold text-text-2 transition-colors hover:text-text",
});
