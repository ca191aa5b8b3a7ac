/** The light or dark theme: the system's until the user chooses one, which the browser remembers. */

const STORAGE_KEY = "theme";

export type Theme = "light" | "dark";

/** Runs before the first paint, so that the page never flashes in the wrong theme. */
export const themeScript = `try{var t=localStorage.getItem("${STORAGE_KEY}");if(t==="light"||t==="dark")document.documentElement.dataset.theme=t}catch(e){}`;

const systemIsDark = () => window.matchMedia("(prefers-color-scheme: dark)");

/** Returns the current theme of the page. */
export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return systemIsDark().matches ? "dark" : "light";
}

/** Applies a theme. The system's own theme is not stored, so that the page keeps following the system. */
export function chooseTheme(theme: Theme): void {
  const followsSystem = (theme === "dark") === systemIsDark().matches;
  if (followsSystem) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (followsSystem) localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // Without storage, the theme applies until the page is closed.
  }
  listeners.forEach((listener) => listener());
}

const listeners = new Set<() => void>();

/** Calls the listener when the user or the system changes the theme. Returns a function that unsubscribes. */
export function onThemeChange(listener: () => void): () => void {
  const system = systemIsDark();
  listeners.add(listener);
  system.addEventListener("change", listener);
  return () => {
    listeners.delete(listener);
    system.removeEventListener("change", listener);
  };
}
