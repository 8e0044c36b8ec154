// The HTTP API, typed by /openapi.json: `await result(api.GET('/v1/files'))`.
import createClient, { type Middleware } from 'openapi-fetch';

import { ApiError, errorOf } from './error';
import type { paths } from './schema';
import { currentKey, expireSession } from './session';

const authorize: Middleware = {
  onRequest({ request }) {
    const key = currentKey();
    if (key !== null && !request.headers.has('authorization'))
      request.headers.set('authorization', `Bearer ${key}`);
    return request;
  },
  onResponse({ request, response }) {
    // An answer to a key that is no longer the current one says nothing of this one.
    if (
      response.status === 401 &&
      request.headers.get('authorization') === `Bearer ${currentKey()}`
    )
      expireSession();
  },
};

export const api = createClient<paths>({ baseUrl: window.location.origin });
api.use(authorize);

// The data of an answer, or an ApiError.
export async function result<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  let got;
  try {
    got = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, '');
  }
  if (!got.response.ok) throw errorOf(got.response, got.error);
  return got.data as T;
}

// For what is no JSON: a stream, a file. The answer is a good one, or an ApiError.
export async function fetchRaw(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const key = currentKey();
  if (key !== null) headers.set('authorization', `Bearer ${key}`);
  let response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, '');
  }
  if (response.ok) return response;
  if (response.status === 401 && key === currentKey()) expireSession();
  throw errorOf(response, await response.json().catch(() => null));
}

// Whether the server takes a key. A server that cannot be asked is an ApiError.
export async function checkKey(key: string): Promise<boolean> {
  try {
    await result(api.GET('/v1/models', { headers: { authorization: `Bearer ${key}` } }));
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return false;
    throw error;
  }
}
