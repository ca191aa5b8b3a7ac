import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { PageLink } from "./page-link";

/** A page beside the tasks: the way back to them, its title and its content. */
export function Page({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="min-h-dvh">
      <header className="sticky top-0 z-10 flex h-12 items-center gap-1 border-b border-line bg-surface px-3 md:px-4">
        <PageLink
          href="/"
          className="inline-flex h-9 items-center gap-1.5 rounded-lg px-2 text-text-2 transition-colors hover:bg-surface-3 hover:text-text [&_svg]:size-4"
        >
          <ArrowLeft aria-hidden="true" /> Tasks
        </PageLink>
      </header>
      <main className="mx-auto w-full max-w-[46rem] px-4 pt-6 pb-16">
        <h1 className="text-title font-semibold">{title}</h1>
        {children}
      </main>
    </div>
  );
}
