// The key that the page speaks with. It lasts as long as the browser's tab.
import { useSyncExternalStore } from 'react';

const STORED = 'hone.key';
const listeners = new Set<() => void>();

export interface Session {
  key: string | null;
  expired: boolean; // the server no longer takes the key that was there
}

let session: Session = { key: sessionStorage.getItem(STORED), expired: false };

function change(next: Session) {
  session = next;
  if (next.key === null) sessionStorage.removeItem(STORED);
  else sessionStorage.setItem(STORED, next.key);
  for (const listener of listeners) listener();
}

export const currentKey = () => session.key;
export const signIn = (key: string) => change({ key, expired: false });
export const signOut = () => change({ key: null, expired: false });
export function expireSession() {
  if (session.key !== null) change({ key: null, expired: true });
}

export function subscribeSession(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export const useSession = () => useSyncExternalStore(subscribeSession, () => session);
