"use client";

import { Sheet } from "@/components/ui/sheet";
import { ViewList } from "@/features/tasks/components/view-list";
import type { View } from "@/features/tasks/views";

type ViewSheetProps = { current: View; onChoose: () => void; onClose: () => void };

/** The views, where the window has no room for them beside the list. */
export function ViewSheet({ current, onChoose, onClose }: ViewSheetProps) {
  const choose = () => {
    onChoose();
    onClose();
  };
  return (
    <Sheet title="Views" onClose={onClose}>
      <div className="overflow-y-auto px-3 pb-6">
        <ViewList current={current} onChoose={choose} />
      </div>
    </Sheet>
  );
}
