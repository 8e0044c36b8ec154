// Which answers a person found better. They stay in this browser until they are exported or cleared.
import { useSyncExternalStore } from 'react';

import { canBeChosen, messagesFor, type Message, type Playground, type Turn } from './state';

const STORED = 'hone.preferences';

export interface Preference {
  turn: string; // a turn's votes are replaced, not added to
  messages: Message[];
  preferred: string;
  other: string;
  models: { preferred: string; other: string };
}

// The best answer of a turn against each of the others. Equal answers say nothing.
export function preferencesOf(state: Playground, turn: Turn): Preference[] {
  const best = turn.chosen === null ? undefined : turn.answers[turn.chosen];
  if (!best || turn.chosen === null) return [];
  const messages = messagesFor({ ...state, blind: true }, state.turns.indexOf(turn), turn.chosen);
  return Object.entries(turn.answers)
    .filter(([pane, answer]) => pane !== turn.chosen && canBeChosen(answer))
    .filter(([, answer]) => answer.text !== best.text)
    .map(([, answer]) => ({
      turn: turn.id,
      messages,
      preferred: best.text,
      other: answer.text,
      models: { preferred: best.model, other: answer.model },
    }));
}

// A training file for DPO, one row a preference.
export function toDpoFile(preferences: readonly Preference[]): string {
  return preferences
    .map(({ messages, preferred, other }) =>
      JSON.stringify({
        input: { messages },
        preferred_output: [{ role: 'assistant', content: preferred }],
        non_preferred_output: [{ role: 'assistant', content: other }],
      }),
    )
    .map((row) => `${row}\n`)
    .join('');
}

// How often each model was found the best.
export function winsByModel(preferences: readonly Preference[]): [string, number][] {
  const wins = new Map<string, number>();
  for (const { models } of preferences) {
    wins.set(models.preferred, (wins.get(models.preferred) ?? 0) + 1);
    if (!wins.has(models.other)) wins.set(models.other, 0);
  }
  return [...wins].sort((a, b) => b[1] - a[1]);
}

function stored(): readonly Preference[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(STORED) ?? '[]');
    return Array.isArray(value) ? (value as Preference[]) : [];
  } catch {
    return [];
  }
}

let preferences: readonly Preference[] | null = null;
const listeners = new Set<() => void>();

function all(): readonly Preference[] {
  preferences ??= stored();
  return preferences;
}

function change(next: readonly Preference[]) {
  preferences = next;
  localStorage.setItem(STORED, JSON.stringify(next));
  for (const listener of listeners) listener();
}

export function recordVote(turn: string, votes: readonly Preference[]) {
  change([...all().filter((one) => one.turn !== turn), ...votes]);
}

export const clearPreferences = () => change([]);

export const usePreferences = () =>
  useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, all);
