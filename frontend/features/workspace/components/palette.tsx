"use client";

import * as Dialog from "@radix-ui/react-dialog";
import { Command } from "cmdk";
import { CircleCheck, Circle, Search } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { searchTasks } from "@/features/tasks/api/search";
import { errorMessage } from "@/lib/api/client";
import { formatDue } from "@/lib/calendar";
import type { Task } from "@/lib/task";

export type PaletteCommand = { label: string; keys?: string; run: () => void };

type PaletteProps = {
  commands: readonly PaletteCommand[];
  onShowTask: (task: Task) => void;
  onClose: () => void;
};

/** The pause in typing after which the server searches. */
const PAUSE_MS = 120;

const itemStyle =
  "flex min-h-9 cursor-pointer items-center gap-2.5 rounded-lg px-2.5 py-1.5 pointer-coarse:min-h-11 data-[selected=true]:bg-surface-3 [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-text-2";
const groupStyle =
  "p-1 [&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:py-1.5 [&_[cmdk-group-heading]]:text-small [&_[cmdk-group-heading]]:font-semibold [&_[cmdk-group-heading]]:text-text-2";

/** Finds tasks and runs commands. */
export function Palette({ commands, onShowTask, onClose }: PaletteProps) {
  const [text, setText] = useState("");
  const { tasks, message } = useFoundTasks(text.trim());
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = commands.filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
  const now = new Date();
  const [focusedBefore] = useState(() => document.activeElement);
  const wasChosen = useRef(false);
  const choose = (run: () => void) => {
    wasChosen.current = true;
    onClose();
    run();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 animate-fade bg-[#00000030]" />
        <Dialog.Content
          aria-describedby={undefined}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            // What was chosen takes the focus itself, such as the field for a new task.
            if (!wasChosen.current && focusedBefore instanceof HTMLElement) focusedBefore.focus();
          }}
          className="fixed inset-x-2 top-2 z-50 mx-auto max-w-xl animate-fade rounded-xl border border-line bg-raised shadow-raised outline-none sm:top-[12vh]"
        >
          <Dialog.Title className="sr-only">Search</Dialog.Title>
          <Command label="Search" shouldFilter={false} loop>
            <div className="flex items-center gap-2.5 border-b border-line px-3.5">
              <Search className="size-[18px] shrink-0 text-text-2" aria-hidden="true" />
              <Command.Input
                dir="auto"
                maxLength={200}
                value={text}
                onValueChange={setText}
                placeholder="Search tasks and commands"
                className="h-12 min-w-0 grow bg-transparent outline-none"
              />
            </div>
            <Command.List
              label="Results"
              tabIndex={-1}
              className="max-h-[min(26rem,60dvh)] overflow-y-auto overscroll-contain"
            >
              {message && <p className="px-3.5 pt-3 text-small text-text-2">{message}</p>}
              {tasks.length > 0 && (
                <Command.Group heading="Tasks" className={groupStyle}>
                  {tasks.map((task) => (
                    <Command.Item
                      key={task.id}
                      value={task.id}
                      className={itemStyle}
                      onSelect={() => choose(() => onShowTask(task))}
                    >
                      {task.status === "completed" ? (
                        <CircleCheck aria-label="Completed" />
                      ) : (
                        <Circle aria-hidden="true" />
                      )}
                      <span className="min-w-0 grow truncate text-start" dir="auto">
                        {task.title}
                      </span>
                      {task.due_at && (
                        <span className="shrink-0 text-small text-text-2">
                          {formatDue(new Date(task.due_at), task.all_day, now)}
                        </span>
                      )}
                    </Command.Item>
                  ))}
                </Command.Group>
              )}
              {shown.length > 0 && (
                <Command.Group heading="Commands" className={groupStyle}>
                  {shown.map(({ label, keys, run }) => (
                    <Command.Item
                      key={label}
                      value={label}
                      className={itemStyle}
                      onSelect={() => choose(run)}
                    >
                      <span className="grow">{label}</span>
                      {keys && (
                        <kbd className="font-sans text-small text-text-2 pointer-coarse:hidden">{keys}</kbd>
                      )}
                    </Command.Item>
                  ))}
                </Command.Group>
              )}
              {tasks.length === 0 && shown.length === 0 && !message && (
                <p className="p-4 text-center text-text-2">Nothing found</p>
              )}
            </Command.List>
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** Searches after a pause in typing. Shows the tasks of the text before until the answer comes. */
function useFoundTasks(text: string): { tasks: readonly Task[]; message: string } {
  const [found, setFound] = useState<{ tasks: readonly Task[]; message: string }>({ tasks: [], message: "" });
  useEffect(() => {
    if (!text) return;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      searchTasks(text, controller.signal).then(
        (tasks) => setFound({ tasks, message: "" }),
        (error: unknown) =>
          controller.signal.aborted || setFound({ tasks: [], message: errorMessage(error) }),
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [text]);
  return text ? found : { tasks: [], message: "" };
}
