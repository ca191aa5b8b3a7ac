import type { ReactNode } from "react";
import { Logo } from "./logo";

type CenteredPageProps = { title: string; header?: ReactNode; children: ReactNode };

/** A page with a single task, such as a form. */
export function CenteredPage({ title, header, children }: CenteredPageProps) {
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="flex h-12 items-center justify-end px-3">{header}</header>
      <main className="mx-auto w-full max-w-[22.5rem] px-4 pt-[8vh] pb-12">
        <Logo size={36} />
        <h1 className="mt-5 mb-6 text-title font-semibold">{title}</h1>
        {children}
      </main>
    </div>
  );
}
