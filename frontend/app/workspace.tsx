"use client";

import { useQueryClient } from "@tanstack/react-query";
import { CircleHelp, ListTodo, MessageSquare, WifiOff } from "lucide-react";
import dynamic from "next/dynamic";
import { useCallback, useRef, useState, useSyncExternalStore } from "react";
import { flushSync } from "react-dom";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { Logo } from "@/components/ui/logo";
import { ThemeToggle } from "@/components/ui/theme-toggle";
import { useSignedInUser } from "@/features/accounts/use-signed-in-user";
import { ChatPane } from "@/features/chat/chat-pane";
import { tasksKey } from "@/features/tasks/task-cache";
import { TasksPane } from "@/features/tasks/tasks-pane";
import { useTaskActions } from "@/features/tasks/use-tasks";
import type { Task } from "@/lib/task";
import { useShortcuts } from "./use-shortcuts";
import { useChatFold } from "./use-chat-fold";
import { useToolResults } from "./use-tool-results";

// What nobody needs at first sight comes after the first load.
const AccountMenu = dynamic(
  () => import("@/features/accounts/account-menu").then((module) => module.AccountMenu),
  { ssr: false, loading: () => <span className="ml-1 size-8 rounded-full bg-surface-3" /> },
);
const HelpSheet = dynamic(() => import("./help-sheet").then((module) => module.HelpSheet), { ssr: false });

type Pane = "tasks" | "chat";

/** The tasks beside the chat; on a phone one of them at a time. */
export function Workspace() {
  const { user, isSignedOut, signOut } = useSignedInUser();
  const queryClient = useQueryClient();
  const actions = useTaskActions();
  const onToolResult = useToolResults(actions);
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

  // At once: the next key may already belong to what is being typed.
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

  // Nothing of the last person stays on the page while the next one is sent to sign in.
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

const tabs = [
  { pane: "tasks", label: "Tasks", Icon: ListTodo },
  { pane: "chat", label: "Chat", Icon: MessageSquare },
] as const;

/** The way between the panes on a phone. */
function TabBar({ pane, onChoose }: { pane: Pane; onChoose: (pane: Pane) => void }) {
  return (
    <nav
      aria-label="Panes"
      className="flex shrink-0 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {tabs.map((tab) => (
        <button
          key={tab.pane}
          type="button"
          aria-current={pane === tab.pane ? "page" : undefined}
          onClick={() => onChoose(tab.pane)}
          className={classNames(
            "flex h-13 grow basis-0 flex-col items-center justify-center gap-0.5 text-small outline-offset-[-3px]",
            pane === tab.pane ? "font-medium text-accent" : "text-text-2",
          )}
        >
          <tab.Icon className="size-5" aria-hidden="true" />
          {tab.label}
        </button>
      ))}
    </nav>
  );
}

function subscribeToNetwork(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}

function OfflineNotice() {
  const isOnline = useSyncExternalStore(
    subscribeToNetwork,
    () => navigator.onLine,
    () => true,
  );
  return (
    <div role="status">
      {!isOnline && (
        <p className="flex items-center justify-center gap-2 bg-surface-3 px-4 py-1.5 text-small">
          <WifiOff className="size-4 shrink-0" aria-hidden="true" />
          You are offline. What is here can be read; changes need the network.
        </p>
      )}
    </div>
  );
}
