// Examples that are kept back from training, so that the loss on them tells something.

const EVERY = 10; // of so many lines one is kept back
export const LEAST_TRAINING = 10; // lines, which a job needs

export interface Split {
  training: string[];
  validation: string[];
}

// The same lines at every time; null: too few would be left for training.
export function splitLines(text: string): Split | null {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const isKept = (index: number) => index % EVERY === EVERY - 1;
  const training = lines.filter((_, index) => !isKept(index));
  const validation = lines.filter((_, index) => isKept(index));
  return training.length < LEAST_TRAINING ? null : { training, validation };
}
