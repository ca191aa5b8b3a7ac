"use client";

import { useQueryClient } from "@tanstack/react-query";
import { CircleHelp, MessageSquare, PanelLeft, Search } from "lucide-react";
import { useCallback, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { later } from "@/components/ui/later";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { Logo } from "@/components/ui/logo";
import { ThemeToggle } from "@/components/ui/theme-toggle";
import { AccountButton } from "@/features/accounts/components/account-button";
import { useSignedInUser } from "@/features/accounts/use-signed-in-user";
import { tasksKey } from "@/features/tasks/api/task-cache";
import { TasksPane } from "@/features/tasks/components/tasks-pane";
import { useTaskActions } from "@/features/tasks/api/use-tasks";
import { useView } from "@/features/tasks/use-view";
import { titleOf } from "@/features/tasks/views";
import { useMediaQuery } from "@/lib/use-media-query";
import { useDraft } from "@/lib/drafts";
import type { Task } from "@/lib/task";
import { useCommands } from "../hooks/use-commands";
import { useShortcuts } from "../hooks/use-shortcuts";
import { useChatFold, WIDE } from "../hooks/use-chat-fold";
import { useLiveUpdates } from "../hooks/use-live-updates";
import { useToolResults } from "../hooks/use-tool-results";
import { type Pane, TabBar } from "./tab-bar";

// Loaded after the first paint: none is needed at first sight.
const ChatPane = later(() =>
  import("@/features/chat/components/chat-pane").then((module) => module.ChatPane),
);
const ViewList = later(() =>
  import("@/features/tasks/components/view-list").then((module) => module.ViewList),
);
const OfflineNotice = later(() => import("./offline-notice").then((module) => module.OfflineNotice));
const ViewSheet = later(() => import("./view-sheet").then((module) => module.ViewSheet));
const ReminderWatch = later(() =>
  import("@/features/tasks/components/reminder-watch").then((module) => module.ReminderWatch),
);
const Palette = later(() => import("./palette").then((module) => module.Palette));
const HelpSheet = later(() => import("./help-sheet").then((module) => module.HelpSheet));

/** The views, the task list and the chat side by side. A phone shows the list or the chat. */
export function Workspace() {
  const { user, isSignedOut, signOut } = useSignedInUser();
  const queryClient = useQueryClient();
  const actions = useTaskActions();
  const onToolResult = useToolResults();
  useLiveUpdates(user);
  const [pane, setPane] = useState<Pane>("tasks");
  const { isBeside, isOver, isSeen, setChatOpen } = useChatFold(pane === "chat");
  // The chat sends what waits, also where it is not visible.
  const hasUnsent = useDraft("unanswered")[0] !== "";
  const view = useView();
  const isWide = useMediaQuery(WIDE);
  const [viewsOpen, setViewsOpen] = useState(false);
  const [helpOpen, setHelpOpen] = useState(false);
  const [isSearching, setSearching] = useState(false);
  const [pointedAt, setPointedAt] = useState<{ task: Task } | null>(null);
  const quickAddRef = useRef<HTMLInputElement>(null);
  const composerRef = useRef<HTMLTextAreaElement>(null);
  const [chatTakesFocus, setChatTakesFocus] = useState(false);

  const showTask = useCallback((task: Task) => {
    setPane("tasks");
    setPointedAt({ task });
  }, []);
  const reloadTasks = useCallback(
    () => void queryClient.invalidateQueries({ queryKey: tasksKey }),
    [queryClient],
  );

  // flushSync: the next key press may already belong to the text that is being typed.
  const shortcuts = {
    addTask: () => {
      flushSync(() => setPane("tasks"));
      quickAddRef.current?.focus();
    },
    writeMessage: () => {
      flushSync(() => {
        setPane("chat");
        setChatOpen(true);
        setChatTakesFocus(true);
      });
      composerRef.current?.focus();
    },
    showHelp: () => setHelpOpen(true),
    search: () => setSearching(true),
  };
  useShortcuts(shortcuts);
  const commands = useCommands(shortcuts, () => setPane("tasks"), signOut);

  // Show nothing of the previous user while the browser goes to the sign-in page.
  if (isSignedOut) return null;

  return (
    <div className="flex h-dvh flex-col">
      <ReminderWatch onShowTask={showTask} />
      <header className="flex h-12 shrink-0 items-center gap-0.5 border-b border-line px-3 md:px-4">
        <Logo size={22} />
        <h1 className="min-w-0 grow truncate pl-2 font-semibold">{titleOf(view)}</h1>
        <button
          type="button"
          title="Search tasks and commands"
          onClick={() => setSearching(true)}
          className="flex h-9 items-center gap-2 rounded-lg text-small text-text-2 transition-colors hover:bg-surface-3 hover:text-text max-md:w-9 max-md:justify-center md:mr-1 md:w-56 md:border md:border-line md:px-2.5"
        >
          <Search className="size-[18px] md:size-4" aria-hidden="true" />
          <span className="grow text-start max-md:sr-only">Search</span>
          <kbd aria-hidden="true" className="font-sans max-md:hidden pointer-coarse:hidden">
            Ctrl K
          </kbd>
        </button>
        <IconButton
          label="Show chat"
          className={classNames("max-md:hidden", isOver && "max-lg:hidden", isBeside && "lg:hidden")}
          onClick={() => setChatOpen(true)}
        >
          <MessageSquare />
        </IconButton>
        <IconButton label="Views" className="max-md:hidden lg:hidden" onClick={() => setViewsOpen(true)}>
          <PanelLeft />
        </IconButton>
        <IconButton label="Keyboard shortcuts" className="max-md:hidden" onClick={() => setHelpOpen(true)}>
          <CircleHelp />
        </IconButton>
        <ThemeToggle />
        <AccountButton user={user} onSignOut={() => void signOut()} />
      </header>
      <OfflineNotice />
      <main className="relative flex min-h-0 grow">
        <div className="w-52 shrink-0 overflow-y-auto border-r border-line px-2 py-3 max-lg:hidden 2xl:w-64">
          {isWide && <ViewList current={view} />}
        </div>
        <div className={classNames("min-w-0 grow", pane !== "tasks" && "max-md:hidden")}>
          <TasksPane view={view} actions={actions} quickAddRef={quickAddRef} pointedAt={pointedAt} />
        </div>
        <aside
          aria-label="Chat panel"
          className={classNames(
            "w-full bg-surface-2 md:w-[23rem] md:shrink-0 md:border-l md:border-line 2xl:w-[28rem]",
            "md:max-lg:absolute md:max-lg:inset-y-0 md:max-lg:right-0 md:max-lg:z-30 md:max-lg:shadow-raised",
            pane !== "chat" && "max-md:hidden",
            !isOver && "md:max-lg:hidden",
            !isBeside && "lg:hidden",
          )}
        >
          {(isSeen || hasUnsent) && (
            <ChatPane
              composerRef={composerRef}
              takesFocus={chatTakesFocus}
              onToolResult={onToolResult}
              onUndo={actions.undo}
              onInterrupted={reloadTasks}
              onShowTask={showTask}
              onFold={() => setChatOpen(false)}
            />
          )}
        </aside>
      </main>
      <TabBar pane={pane} onChoose={setPane} onShowViews={() => setViewsOpen(true)} />
      {viewsOpen && (
        <ViewSheet current={view} onChoose={() => setPane("tasks")} onClose={() => setViewsOpen(false)} />
      )}
      {isSearching && (
        <Palette commands={commands} onShowTask={showTask} onClose={() => setSearching(false)} />
      )}
      {helpOpen && <HelpSheet onClose={() => setHelpOpen(false)} />}
    </div>
  );
}
