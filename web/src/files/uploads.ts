// The uploads of this tab. They go on while other pages are looked at.
import { useSyncExternalStore } from 'react';

import { queryClient } from '@/api/query_client';
import type { ApiFile } from '@/api/types';

import { checkLocally, type LocalCheck } from './local_check';
import { sendFile } from './send';
import { cancelUnfinished, dropAllUnfinished, findUnfinished, keyOf } from './unfinished';

export interface Upload {
  id: number;
  file: File;
  sent: number; // bytes
  state: 'sending' | 'finishing' | 'done' | 'failed' | 'stopped';
  error: unknown;
  check: LocalCheck | null;
  made: ApiFile | null;
}

let uploads: readonly Upload[] = [];
let lastId = 0;
const listeners = new Set<() => void>();
const stops = new Map<number, AbortController>();

function change(next: readonly Upload[]) {
  uploads = next;
  for (const listener of listeners) listener();
}

function update(id: number, change_: Partial<Upload>) {
  change(uploads.map((one) => (one.id === id ? { ...one, ...change_ } : one)));
}

async function run(id: number, file: File): Promise<ApiFile | null> {
  const stop = new AbortController();
  stops.set(id, stop);
  const check = checkLocally(file, (found) => update(id, { check: found }), stop.signal);
  check.catch(() => undefined); // a file that cannot be read cannot be sent, which is told
  try {
    const made = await sendFile(file, {
      purpose: 'fine-tune',
      signal: stop.signal,
      onSent: (bytes) => {
        const sent = Math.min(bytes, file.size);
        update(id, { sent, state: sent < file.size ? 'sending' : 'finishing' });
      },
    });
    update(id, { state: 'done', sent: file.size, made });
    await queryClient.invalidateQueries({ queryKey: ['files'] });
    return made;
  } catch (error) {
    const stopped = stop.signal.aborted;
    stop.abort();
    update(id, { state: stopped ? 'stopped' : 'failed', error });
    return null;
  } finally {
    stops.delete(id);
  }
}

// The file that the server made of it; null if it did not come to that, which the list of uploads
// says.
export function startUpload(file: File): Promise<ApiFile | null> {
  lastId += 1;
  const upload: Upload = {
    id: lastId,
    file,
    sent: 0,
    state: 'sending',
    error: null,
    check: null,
    made: null,
  };
  change([...uploads, upload]);
  return run(upload.id, file);
}

export function retryUpload(upload: Upload) {
  update(upload.id, { state: 'sending', error: null });
  return run(upload.id, upload.file);
}

export const stopUpload = (id: number) => stops.get(id)?.abort();

function remove(id: number) {
  stopUpload(id);
  change(uploads.filter((one) => one.id !== id));
}

// What came of it so far goes, too, unless it is a file already.
export function forgetUpload({ id, file }: Upload) {
  const unfinished = findUnfinished(file);
  if (unfinished !== null) cancelUnfinished(keyOf(file), unfinished);
  remove(id);
}

export function forgetUploads() {
  for (const { id } of uploads) remove(id);
  dropAllUnfinished();
}

export const useUploads = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    () => uploads,
  );
