import Link from "next/link";
import type { ReactNode } from "react";

/** Something to know before or after a form is sent. */
export function FormNotice({ children }: { children: ReactNode }) {
  return (
    <p role="status" className="rounded-lg bg-surface-3 px-3 py-2 text-small">
      {children}
    </p>
  );
}

/** Why a form was refused as a whole. */
export function FormAlert({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className="rounded-lg bg-danger-soft px-3 py-2 text-small text-danger">
      {children}
    </p>
  );
}

export function FormLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Link href={href} className="font-medium text-accent hover:underline">
      {children}
    </Link>
  );
}
