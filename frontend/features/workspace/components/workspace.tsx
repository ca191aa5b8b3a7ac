"use client";

import { useQueryClient } from "@tanstack/react-query";
import { CircleHelp, MessageSquare } from "lucide-react";
import dynamic from "next/dynamic";
import { useCallback, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { Logo } from "@/components/ui/logo";
import { ThemeToggle } from "@/components/ui/theme-toggle";
import { useSignedInUser } from "@/features/accounts/use-signed-in-user";
import { ChatPane } from "@/features/chat/components/chat-pane";
import { tasksKey } from "@/features/tasks/api/task-cache";
import { TasksPane } from "@/features/tasks/components/tasks-pane";
import { useTaskActions } from "@/features/tasks/api/use-tasks";
import type { Task } from "@/lib/task";
import { useShortcuts } from "../hooks/use-shortcuts";
import { useChatFold } from "../hooks/use-chat-fold";
import { useToolResults } from "../hooks/use-tool-results";
import { OfflineNotice } from "./offline-notice";
import { type Pane, TabBar } from "./tab-bar";

// Loaded after the first paint: neither is needed at first sight.
const AccountMenu = dynamic(
  () => import("@/features/accounts/components/account-menu").then((module) => module.AccountMenu),
  { ssr: false, loading: () => <span className="ml-1 size-8 rounded-full bg-surface-3" /> },
);
const HelpSheet = dynamic(() => import("./help-sheet").then((module) => module.HelpSheet), { ssr: false });

/** The task list beside the chat. A phone shows one of them at a time. */
export function Workspace() {
  const { user, isSignedOut, signOut } = useSignedInUser();
  const queryClient = useQueryClient();
  const actions = useTaskActions();
  const onToolResult = useToolResults();
  const [pane, setPane] = useState<Pane>("tasks");
  const { isChatOpen, setChatOpen } = useChatFold();
  const [helpOpen, setHelpOpen] = useState(false);
  const [pointedAt, setPointedAt] = useState<{ task: Task } | null>(null);
  const quickAddRef = useRef<HTMLInputElement>(null);
  const composerRef = useRef<HTMLTextAreaElement>(null);

  const showTask = useCallback((task: Task) => {
    setPane("tasks");
    setPointedAt({ task });
  }, []);
  const reloadTasks = useCallback(
    () => void queryClient.invalidateQueries({ queryKey: tasksKey }),
    [queryClient],
  );

  // flushSync: the next key press may already belong to the text that is being typed.
  useShortcuts({
    addTask: () => {
      flushSync(() => setPane("tasks"));
      quickAddRef.current?.focus();
    },
    writeMessage: () => {
      flushSync(() => {
        setPane("chat");
        setChatOpen(true);
      });
      composerRef.current?.focus();
    },
    showHelp: () => setHelpOpen(true),
  });

  // Show nothing of the previous user while the browser goes to the sign-in page.
  if (isSignedOut) return null;

  return (
    <div className="flex h-dvh flex-col">
      <header className="flex h-12 shrink-0 items-center gap-0.5 border-b border-line px-3 md:px-4">
        <Logo size={22} />
        <h1 className="grow pl-2 font-semibold">To-do</h1>
        {!isChatOpen && (
          <IconButton label="Show chat" className="max-md:hidden" onClick={() => setChatOpen(true)}>
            <MessageSquare />
          </IconButton>
        )}
        <IconButton label="Keyboard shortcuts" className="max-md:hidden" onClick={() => setHelpOpen(true)}>
          <CircleHelp />
        </IconButton>
        <ThemeToggle />
        <AccountMenu user={user} onSignOut={() => void signOut()} />
      </header>
      <OfflineNotice />
      <main className="flex min-h-0 grow">
        <div className={classNames("min-w-0 grow", pane !== "tasks" && "max-md:hidden")}>
          <TasksPane actions={actions} quickAddRef={quickAddRef} pointedAt={pointedAt} />
        </div>
        <aside
          aria-label="Chat panel"
          className={classNames(
            "w-full bg-surface-2 md:w-[23rem] md:shrink-0 md:border-l md:border-line lg:w-[25rem]",
            pane !== "chat" && "max-md:hidden",
            !isChatOpen && "md:hidden",
          )}
        >
          <ChatPane
            composerRef={composerRef}
            onToolResult={onToolResult}
            onUndo={actions.undo}
            onInterrupted={reloadTasks}
            onShowTask={showTask}
            onFold={() => setChatOpen(false)}
          />
        </aside>
      </main>
      <TabBar pane={pane} onChoose={setPane} />
      {helpOpen && <HelpSheet onClose={() => setHelpOpen(false)} />}
    </div>
  );
}
