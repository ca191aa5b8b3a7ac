"use client";

import { useRouter } from "next/navigation";
import type { ComponentProps } from "react";

type PageLinkProps = Omit<ComponentProps<"a">, "href"> & { href: string };

/** A link to another page of the application: like next/link without what this application does not use of it. */
export function PageLink({ href, onClick, ...props }: PageLinkProps) {
  const router = useRouter();
  return (
    <a
      href={href}
      onClick={(event) => {
        onClick?.(event);
        if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
          return;
        event.preventDefault();
        router.push(href);
      }}
      {...props}
    />
  );
}
