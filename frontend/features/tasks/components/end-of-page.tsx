"use client";

import { useEffect, useRef } from "react";

/** Loads the next page when the user scrolls near the end. */
export function EndOfPage({ onReach }: { onReach: () => void }) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && onReach(),
      { rootMargin: "1200px" },
    );
    if (ref.current) observer.observe(ref.current);
    return () => observer.disconnect();
  }, [onReach]);
  return (
    <div ref={ref} className="py-3 text-small text-text-2">
      Loading more tasks…
    </div>
  );
}
