import type { Translate } from '@/i18n/language';

// What the server refused, or that it could not be reached (status 0).
export class ApiError extends Error {
  override name = 'ApiError';
  constructor(
    readonly status: number,
    message: string,
    readonly code: string | null = null,
    readonly param: string | null = null,
    readonly requestId: string | null = null,
    // Seconds after which the same request may go well, where the server says so.
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

function retryAfter(response: Response): number | null {
  const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  return Number.isNaN(seconds) ? null : Math.max(1, seconds);
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null);

// Of the envelope {"error": {message, type, param, code}}; anything else gives an empty message.
export function errorOf(response: Response, body: unknown): ApiError {
  const envelope = (body as { error?: Record<string, unknown> } | null)?.error ?? {};
  return new ApiError(
    response.status,
    text(envelope['message']) ?? '',
    text(envelope['code']),
    text(envelope['param']),
    response.headers.get('x-request-id'),
    retryAfter(response),
  );
}

// What a person is told. The server's own words where there are some.
export function describeError(error: unknown, t: Translate): string {
  if (error instanceof ApiError) {
    if (error.message !== '') return error.message;
    if (error.status > 0) return t('error.unknown', { status: error.status });
    return t('error.network');
  }
  return error instanceof Error ? error.message : String(error);
}

// Whether the same request may go well later.
export const isPassing = (error: unknown) =>
  error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
