"use client";

import * as Menu from "@radix-ui/react-dropdown-menu";
import { ArrowDown, ArrowUp, CircleCheckBig, Ellipsis, Pencil, Trash2 } from "lucide-react";
import { IconButton } from "@/components/ui/button";
import { MenuContent, MenuItem } from "@/components/ui/menu";
import type { Task } from "@/lib/task";
import type { TaskRowHandlers } from "./task-row";

type TaskMenuProps = Pick<TaskRowHandlers, "onEdit" | "onDelete" | "onMove" | "onSelect"> & {
  task: Task;
  onClose: () => void;
};

/** The actions of a row, for touch. It is mounted only while it is open. */
export function TaskMenu({ task, onEdit, onDelete, onMove, onSelect, onClose }: TaskMenuProps) {
  return (
    <Menu.Root open modal={false} onOpenChange={(open) => !open && onClose()}>
      <Menu.Trigger asChild>
        <IconButton label={`Actions for ${task.title}`} className="size-11">
          <Ellipsis />
        </IconButton>
      </Menu.Trigger>
      {/* The row would cut it off. */}
      <Menu.Portal container={document.querySelector("main")}>
        <MenuContent>
          <MenuItem onSelect={() => onEdit(task)}>
            <Pencil aria-hidden="true" /> Edit
          </MenuItem>
          <MenuItem onSelect={() => onSelect(task)}>
            <CircleCheckBig aria-hidden="true" /> Select
          </MenuItem>
          {onMove && (
            <>
              <MenuItem onSelect={() => onMove(task, -1)}>
                <ArrowUp aria-hidden="true" /> Move up
              </MenuItem>
              <MenuItem onSelect={() => onMove(task, 1)}>
                <ArrowDown aria-hidden="true" /> Move down
              </MenuItem>
            </>
          )}
          <MenuItem className="text-danger" onSelect={() => onDelete(task)}>
            <Trash2 aria-hidden="true" /> Delete
          </MenuItem>
        </MenuContent>
      </Menu.Portal>
    </Menu.Root>
  );
}
