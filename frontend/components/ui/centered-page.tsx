import type { ReactNode } from "react";
import { Logo } from "./logo";

type CenteredPageProps = {
  title: string;
  /** A sentence below the title. */
  lead?: string;
  header?: ReactNode;
  children: ReactNode;
};

/** A page with a single task, such as a form. */
export function CenteredPage({ title, lead, header, children }: CenteredPageProps) {
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="flex h-12 items-center justify-end px-3">{header}</header>
      <main className="mx-auto w-full max-w-[22.5rem] px-4 pt-[8vh] pb-12">
        <Logo size={36} />
        <h1 className="mt-5 text-title font-semibold">{title}</h1>
        {lead && <p className="mt-1 text-text-2">{lead}</p>}
        <div className="mt-6">{children}</div>
      </main>
    </div>
  );
}
