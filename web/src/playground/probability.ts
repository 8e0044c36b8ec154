// How a token is shown: in which colour, and what stands for characters that cannot be seen.

export type Band = 'sure' | 'likely' | 'unsure' | 'unlikely';

export const bands: readonly Band[] = ['sure', 'likely', 'unsure', 'unlikely'];

const FROM: Record<Band, number> = { sure: 0.9, likely: 0.5, unsure: 0.1, unlikely: 0 };

export function bandOf(logprob: number): Band {
  const probability = Math.exp(logprob);
  return bands.find((band) => probability >= FROM[band]) ?? 'unlikely';
}

export const bandFrom = (band: Band) => FROM[band];

// A token by itself, where a space or a line break would not be seen.
export const visible = (token: string) =>
  token.replaceAll(' ', '␣').replaceAll('\n', '↵').replaceAll('\t', '⇥');
