// What an action did, said once and gone after a while.
import { useSyncExternalStore } from 'react';

export interface Notice {
  id: number;
  kind: 'good' | 'bad';
  text: string;
}

const SHOWN_MS = 6_000;
const MOST = 4;

let notices: readonly Notice[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function change(next: readonly Notice[]) {
  notices = next;
  for (const listener of listeners) listener();
}

export const dismiss = (id: number) => change(notices.filter((notice) => notice.id !== id));

export function say(kind: Notice['kind'], text: string) {
  lastId += 1;
  const notice = { id: lastId, kind, text };
  change([...notices.slice(1 - MOST), notice]);
  setTimeout(() => dismiss(notice.id), SHOWN_MS);
}

export const useNotices = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    () => notices,
  );
