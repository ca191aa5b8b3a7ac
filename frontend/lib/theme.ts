/** Light or dark: the system's choice until the person makes one, which this browser then remembers. */

const STORAGE_KEY = "theme";

export type Theme = "light" | "dark";

/** Runs before the first paint, so that a remembered theme never flashes in. */
export const themeScript = `try{var t=localStorage.getItem("${STORAGE_KEY}");if(t==="light"||t==="dark")document.documentElement.dataset.theme=t}catch(e){}`;

const systemIsDark = () => window.matchMedia("(prefers-color-scheme: dark)");

/** Returns the theme that the page shows. */
export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return systemIsDark().matches ? "dark" : "light";
}

/** Shows a theme. The one that the system asks for is not stored: the page goes on following the system. */
export function chooseTheme(theme: Theme): void {
  const followsSystem = (theme === "dark") === systemIsDark().matches;
  if (followsSystem) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (followsSystem) localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // A browser that stores nothing still shows the theme until it is closed.
  }
  listeners.forEach((listener) => listener());
}

const listeners = new Set<() => void>();

/** Calls back whenever the theme changes, by the person or by the system; returns how to stop. */
export function onThemeChange(listener: () => void): () => void {
  const system = systemIsDark();
  listeners.add(listener);
  system.addEventListener("change", listener);
  return () => {
    listeners.delete(listener);
    system.removeEventListener("change", listener);
  };
}
