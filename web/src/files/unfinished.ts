// Uploads in parts that have not ended. They last as long as the browser's tab, as its key does: after a
// reload, the same file goes on where it stopped.
import { useSyncExternalStore } from 'react';

import { api } from '@/api/client';

const STORED = 'hone.upload.';
export const PART = 16 * 2 ** 20;

export interface Unfinished {
  upload: string;
  name: string;
  size: number;
  parts: Record<number, string>; // the ids of those that the server has
}

// What tells one file from another without reading it.
export const keyOf = (file: File) => `${STORED}${file.name}:${file.size}:${file.lastModified}`;

const listeners = new Set<() => void>();

function readAll(): ReadonlyMap<string, Unfinished> {
  const keys = Object.keys(sessionStorage).filter((key) => key.startsWith(STORED));
  return new Map(
    keys.map((key) => [key, JSON.parse(sessionStorage.getItem(key) ?? '') as Unfinished]),
  );
}

let all = readAll();

function refresh() {
  all = readAll();
  for (const listener of listeners) listener();
}

export const findUnfinished = (file: File) => all.get(keyOf(file)) ?? null;

export function keepUnfinished(file: File, one: Unfinished) {
  sessionStorage.setItem(keyOf(file), JSON.stringify(one));
  refresh();
}

export function dropUnfinished(key: string) {
  sessionStorage.removeItem(key);
  refresh();
}

export function dropAllUnfinished() {
  for (const key of all.keys()) sessionStorage.removeItem(key);
  refresh();
}

// The server gives its parts up, too. Where it cannot be told now, they expire there.
export function cancelUnfinished(key: string, { upload }: Unfinished) {
  dropUnfinished(key);
  api
    .POST('/v1/uploads/{upload_id}/cancel', { params: { path: { upload_id: upload } } })
    .catch(() => undefined);
}

// Bytes of a part of a file of `size`.
export const partBytes = (size: number, index: number) => Math.min(PART, size - index * PART);

// Bytes that the server has.
export const bytesOf = ({ parts, size }: Unfinished) =>
  Object.keys(parts).reduce((sum, index) => sum + partBytes(size, Number(index)), 0);

export const useUnfinished = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    () => all,
  );
