"use client";

import * as Dialog from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { IconButton } from "./button";

type SheetProps = {
  title: string;
  description?: string;
  onClose: () => void;
  children: ReactNode;
};

/** A dialog at the side of the page, or at the bottom on a phone. It is mounted only while it is open. */
export function Sheet({ title, description, onClose, children }: SheetProps) {
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 animate-fade bg-[#00000030]" />
        <Dialog.Content
          {...(!description && { "aria-describedby": undefined })}
          className="fixed inset-x-0 bottom-0 z-40 flex max-h-[92dvh] animate-rise flex-col rounded-t-2xl border-line bg-surface shadow-raised outline-none sm:inset-y-0 sm:right-0 sm:left-auto sm:max-h-none sm:w-[26rem] sm:animate-sheet-in sm:rounded-none sm:border-l"
        >
          <div className="flex h-14 shrink-0 items-center justify-between pr-3 pl-5">
            <Dialog.Title className="font-semibold">{title}</Dialog.Title>
            <Dialog.Close asChild>
              <IconButton label="Close">
                <X />
              </IconButton>
            </Dialog.Close>
          </div>
          {description && <Dialog.Description className="sr-only">{description}</Dialog.Description>}
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
