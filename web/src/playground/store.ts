// The one playground of the window. It outlives its page: answers go on while another page is open,
// and a reload finds the conversation again. What one key asked is gone with the key.
import { useSyncExternalStore } from 'react';

import { currentKey, subscribeSession } from '@/api/session';

import { readSaved, writeSaved } from './link';
import { emptyPlayground, type Answer, type Pane, type Playground, type Turn } from './state';

const STORED = 'hone.playground';
const SAVE_AFTER_MS = 400;

function stored(): Playground {
  return readSaved(sessionStorage.getItem(STORED) ?? '') ?? emptyPlayground();
}

let state = stored();
let saving: ReturnType<typeof setTimeout> | null = null;
const listeners = new Set<() => void>();

export const getPlayground = () => state;

function save() {
  if (saving === null) return;
  clearTimeout(saving);
  saving = null;
  if (currentKey() !== null) sessionStorage.setItem(STORED, writeSaved(state));
}

// A window that goes away does not wait for the timer.
window.addEventListener('pagehide', save);

export function setPlayground(next: Playground) {
  state = next;
  for (const listener of listeners) listener();
  saving ??= setTimeout(save, SAVE_AFTER_MS);
}

export const patch = (changes: Partial<Playground>) => setPlayground({ ...state, ...changes });

export function patchPane(id: string, changes: Partial<Pane>) {
  patch({ panes: state.panes.map((pane) => (pane.id === id ? { ...pane, ...changes } : pane)) });
}

export function patchTurn(id: string, changes: Partial<Turn>) {
  patch({ turns: state.turns.map((turn) => (turn.id === id ? { ...turn, ...changes } : turn)) });
}

// An answer that is no longer there is not brought back.
export function patchAnswer(turnId: string, pane: string, changes: Partial<Answer>) {
  const turn = state.turns.find((one) => one.id === turnId);
  const answer = turn?.answers[pane];
  if (!turn || !answer) return;
  patchTurn(turnId, { answers: { ...turn.answers, [pane]: { ...answer, ...changes } } });
}

subscribeSession(() => {
  if (currentKey() !== null) return;
  sessionStorage.removeItem(STORED);
  setPlayground(emptyPlayground());
});

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export const usePlayground = () => useSyncExternalStore(subscribe, getPlayground);
