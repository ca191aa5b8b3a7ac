"use client";

import * as Dialog from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { IconButton } from "./button";
import { classNames } from "./class-names";

type SheetProps = {
  title: string;
  description?: string;
  /** Whether the page stays usable beside the sheet, where the window has room for both. */
  isBeside?: boolean;
  onClose: () => void;
  children: ReactNode;
};

/** A dialog at the side of the page, or at the bottom on a phone. It is mounted only while it is open. */
export function Sheet({ title, description, isBeside = false, onClose, children }: SheetProps) {
  const [isModal] = useState(() => !isBeside || !window.matchMedia("(min-width: 40rem)").matches);
  return (
    <Dialog.Root open modal={isModal} onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 animate-fade bg-[#00000030]" />
        <Dialog.Content
          {...(!description && { "aria-describedby": undefined })}
          onInteractOutside={(event) => !isModal && event.preventDefault()}
          onOpenAutoFocus={(event) => {
            const first = (event.target as HTMLElement).querySelector<HTMLElement>("[data-autofocus]");
            if (!first) return;
            event.preventDefault();
            first.focus();
          }}
          className={classNames(
            isBeside && "max-sm:h-dvh max-sm:max-h-dvh max-sm:rounded-none",
            "fixed inset-x-0 bottom-0 z-40 flex max-h-[92dvh] animate-rise flex-col rounded-t-2xl border-line bg-surface shadow-raised outline-none sm:inset-y-0 sm:right-0 sm:left-auto sm:max-h-none sm:w-[26rem] sm:animate-sheet-in sm:rounded-none sm:border-l",
          )}
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
