// Light or dark: what was chosen, or what the system says.
import { useSyncExternalStore } from 'react';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const STORED = 'hone.theme';
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function stored(): Theme {
  const value = localStorage.getItem(STORED);
  return themes.find((theme) => theme === value) ?? 'system';
}

let theme = stored();

function apply() {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  for (const listener of listeners) listener();
}

// Called once, before anything is drawn. What another tab chooses holds here, too.
export function startTheme() {
  dark.addEventListener('change', apply);
  window.addEventListener('storage', ({ key }) => {
    if (key !== STORED) return;
    theme = stored();
    apply();
  });
  apply();
}

export function setTheme(next: Theme) {
  theme = next;
  localStorage.setItem(STORED, next);
  apply();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export const useTheme = () => useSyncExternalStore(subscribe, () => theme);

// What is on the screen now, for what is drawn by hand.
export const useShownTheme = () =>
  useSyncExternalStore(subscribe, () =>
    theme === 'system' ? (dark.matches ? 'dark' : 'light') : theme,
  );
