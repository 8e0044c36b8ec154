// One streamed answer of a model.
import { fetchRaw } from '@/api/client';
import { ApiError } from '@/api/error';
import { readEvents } from '@/api/server_events';

import { readChunk } from './chunk';
import type { ChatRequest } from './state';

// Pieces as they come. A stream that ends before it is complete is an ApiError of status 0.
export async function* streamChat(request: ChatRequest, signal: AbortSignal) {
  const response = await fetchRaw('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  for await (const events of readEvents(response)) {
    for (const { data } of events) {
      if (data === '[DONE]') return;
      yield readChunk(data);
    }
  }
  throw new ApiError(0, '');
}
