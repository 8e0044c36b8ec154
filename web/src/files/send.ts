// The bytes of a file on their way to the server, with progress. Large ones go in parts: a part
// that was lost is sent again, and the same file goes on where an earlier try stopped.
import { api, result } from '@/api/client';
import { ApiError, errorOf, isPassing } from '@/api/error';
import { currentKey, expireSession } from '@/api/session';
import type { ApiFile } from '@/api/types';

import {
  dropUnfinished,
  findUnfinished,
  keepUnfinished,
  keyOf,
  PART,
  partBytes,
  type Unfinished,
} from './unfinished';

const WHOLE_UP_TO = 32 * 2 ** 20;
const AT_ONCE = 3;
const TRIES = 6;

export interface SendOptions {
  purpose: 'fine-tune';
  onSent: (bytes: number) => void;
  signal: AbortSignal;
}

// fetch tells nothing of how much was sent, the older interface does.
function post(path: string, form: FormData, options: Pick<SendOptions, 'onSent' | 'signal'>) {
  return new Promise<unknown>((resolve, reject) => {
    const request = new XMLHttpRequest();
    const key = currentKey();
    const stop = () => request.abort();
    request.open('POST', path);
    request.responseType = 'json';
    if (key !== null) request.setRequestHeader('authorization', `Bearer ${key}`);
    request.upload.onprogress = (event) => options.onSent(event.loaded);
    request.onload = () => {
      if (request.status < 300) {
        resolve(request.response);
        return;
      }
      if (request.status === 401 && key === currentKey()) expireSession();
      const id = request.getResponseHeader('x-request-id');
      const head = new Response(null, {
        status: request.status,
        headers: id === null ? {} : { 'x-request-id': id },
      });
      reject(errorOf(head, request.response));
    };
    request.onerror = () => reject(new ApiError(0, ''));
    request.onabort = () => reject(new DOMException('stopped', 'AbortError'));
    request.onloadend = () => options.signal.removeEventListener('abort', stop);
    options.signal.addEventListener('abort', stop);
    if (options.signal.aborted) stop();
    request.send(form);
  });
}

async function sendWhole(file: File, options: SendOptions): Promise<ApiFile> {
  const form = new FormData();
  form.append('purpose', options.purpose);
  form.append('file', file, file.name);
  return (await post('/v1/files', form, options)) as ApiFile;
}

async function begin(file: File, options: SendOptions): Promise<Unfinished> {
  const body = {
    filename: file.name,
    purpose: options.purpose,
    bytes: file.size,
    mime_type: 'application/jsonl',
  };
  const upload = await result(api.POST('/v1/uploads', { body, signal: options.signal }));
  return { upload: upload.id, name: file.name, size: file.size, parts: {} };
}

async function sendPart(
  upload: string,
  piece: Blob,
  options: Pick<SendOptions, 'onSent' | 'signal'>,
) {
  for (let tries = 1; ; tries += 1) {
    const form = new FormData();
    form.append('data', piece);
    try {
      return (await post(`/v1/uploads/${upload}/parts`, form, options)) as { id: string };
    } catch (error) {
      if (!isPassing(error) || tries === TRIES) throw error;
      options.onSent(0);
      await new Promise((resume) => setTimeout(resume, 250 * 2 ** tries));
    }
  }
}

async function sendParts(file: File, options: SendOptions): Promise<ApiFile> {
  const unfinished = findUnfinished(file) ?? (await begin(file, options));
  const count = Math.ceil(file.size / PART);
  const sent = Array.from({ length: count }, (_, index) =>
    index in unfinished.parts ? partBytes(file.size, index) : 0,
  );
  const tell = () => options.onSent(sent.reduce((sum, bytes) => sum + bytes, 0));
  const open = sent.map((_, index) => index).filter((index) => !(index in unfinished.parts));
  const work = async () => {
    for (let index = open.shift(); index !== undefined; index = open.shift()) {
      const at = index;
      const piece = file.slice(at * PART, (at + 1) * PART);
      const part = await sendPart(unfinished.upload, piece, {
        signal: options.signal,
        onSent: (bytes) => {
          sent[at] = Math.min(bytes, piece.size);
          tell();
        },
      });
      unfinished.parts[at] = part.id;
      keepUnfinished(file, unfinished);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const done = await result(
    api.POST('/v1/uploads/{upload_id}/complete', {
      params: { path: { upload_id: unfinished.upload } },
      body: { part_ids: sent.map((_, index) => unfinished.parts[index] ?? '') },
      signal: options.signal,
    }),
  );
  return done.file as ApiFile;
}

export async function sendFile(file: File, options: SendOptions): Promise<ApiFile> {
  if (file.size <= WHOLE_UP_TO) return sendWhole(file, options);
  const goesOn = findUnfinished(file) !== null;
  try {
    const made = await sendParts(file, options);
    dropUnfinished(keyOf(file));
    return made;
  } catch (error) {
    if (!(error instanceof ApiError) || isPassing(error)) throw error;
    dropUnfinished(keyOf(file));
    // An upload that the server has given up in the meantime begins anew.
    if (goesOn && error.status !== 401) return sendFile(file, options);
    throw error;
  }
}
