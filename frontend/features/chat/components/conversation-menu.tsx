"use client";

import * as Menu from "@radix-ui/react-dropdown-menu";
import { History } from "lucide-react";
import { IconButton } from "@/components/ui/button";
import { MenuContent, MenuItem } from "@/components/ui/menu";
import { formatDay } from "@/lib/calendar";
import type { ConversationSummary } from "../api/conversations";

type ConversationMenuProps = {
  conversations: ConversationSummary[];
  currentId: string | null;
  onOpen: (id: string) => void;
};

/** Opens an earlier conversation. */
export function ConversationMenu({ conversations, currentId, onOpen }: ConversationMenuProps) {
  if (conversations.length === 0) return null;
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger asChild>
        <IconButton label="Earlier conversations">
          <History />
        </IconButton>
      </Menu.Trigger>
      <MenuContent className="w-72">
        {conversations.map((conversation) => (
          <MenuItem key={conversation.id} onSelect={() => onOpen(conversation.id)}>
            <span className={conversation.id === currentId ? "truncate font-medium" : "truncate"}>
              {conversation.title || "Untitled"}
            </span>
            <span className="ml-auto pl-3 text-small text-text-2">
              {formatDay(new Date(conversation.updated_at), new Date())}
            </span>
          </MenuItem>
        ))}
      </MenuContent>
    </Menu.Root>
  );
}
