// What the events of a streamed answer say.
import { ApiError } from '@/api/error';

import type { Token, Usage } from './state';

export interface Piece {
  text: string;
  tokens: Token[];
  finish: string | null;
  usage: Usage | null;
}

interface RawChoice {
  token: string;
  logprob: number;
  top_logprobs?: { token: string; logprob: number }[];
}

interface RawChunk {
  error?: { message?: string; code?: string | null; param?: string | null };
  choices?: {
    delta?: { content?: string | null };
    logprobs?: { content?: RawChoice[] | null } | null;
    finish_reason?: string | null;
  }[];
  usage?: { prompt_tokens: number; completion_tokens?: number } | null;
}

// What one event of the stream adds. An error that comes in the middle is thrown.
export function readChunk(data: string): Piece {
  const chunk = JSON.parse(data) as RawChunk;
  if (chunk.error) throw new ApiError(200, chunk.error.message ?? '', chunk.error.code ?? null);
  const choice = chunk.choices?.[0];
  return {
    text: choice?.delta?.content ?? '',
    tokens: (choice?.logprobs?.content ?? []).map(({ token, logprob, top_logprobs = [] }) => ({
      token,
      logprob,
      alternatives: top_logprobs.map((one) => ({ token: one.token, logprob: one.logprob })),
    })),
    finish: choice?.finish_reason ?? null,
    usage: chunk.usage
      ? { prompt: chunk.usage.prompt_tokens, completion: chunk.usage.completion_tokens ?? 0 }
      : null,
  };
}
