/** The light or dark theme: the system's until the user chooses one, which the browser remembers. */

const STORAGE_KEY = "theme";

export type Theme = "light" | "dark";
export type ThemeChoice = Theme | "system";

/** Runs before the first paint, so that the page never flashes in the wrong theme. */
export const themeScript = `try{var t=localStorage.getItem("${STORAGE_KEY}");if(t==="light"||t==="dark")document.documentElement.dataset.theme=t}catch(e){}`;

const systemIsDark = () => window.matchMedia("(prefers-color-scheme: dark)");
const systemTheme = (): Theme => (systemIsDark().matches ? "dark" : "light");

/** Returns what the user has chosen. */
export function chosenTheme(): ThemeChoice {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/** Returns the current theme of the page. */
export function currentTheme(): Theme {
  const chosen = chosenTheme();
  return chosen === "system" ? systemTheme() : chosen;
}

/** Applies a theme and remembers it. With "system", the page follows the system. */
export function chooseTheme(theme: ThemeChoice): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // Without storage, the theme applies until the page is closed.
  }
  listeners.forEach((listener) => listener());
}

/** Switches to the other theme. Where that is the system's own, the page follows the system again. */
export function switchTheme(): void {
  const other = currentTheme() === "dark" ? "light" : "dark";
  chooseTheme(other === systemTheme() ? "system" : other);
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
