// A first look at a training file while it is still being uploaded: what is plainly wrong with a
// line. The server's report, which comes after, knows every rule.
import type { MessageKey } from '@/i18n/catalogue';

export interface BadLine {
  line: number; // from 1
  reason: MessageKey;
  text: string;
}

export interface LocalCheck {
  examples: number;
  badLines: number;
  bad: BadLine[]; // the first of them
}

const MOST_LISTED = 20;
const MOST_TEXT = 300;

const FORMATS = [['messages'], ['prompt', 'completion'], ['input']];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

// What is wrong with a line; null: nothing that is plain to see.
export function problemOf(line: string): MessageKey | null {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    return 'check.json';
  }
  if (!isObject(row)) return 'check.object';
  if (!FORMATS.some((keys) => keys.every((key) => key in row))) return 'check.format';
  const messages = row['messages'];
  if (messages === undefined) return null;
  if (!Array.isArray(messages)) return 'check.format';
  const answers = messages.some((one) => isObject(one) && one['role'] === 'assistant');
  return answers ? null : 'check.assistant';
}

// Reads the file piece by piece, and tells after each what was found so far.
export async function checkLocally(
  file: Blob,
  onProgress: (check: LocalCheck) => void,
  signal: AbortSignal,
): Promise<void> {
  const check: LocalCheck = { examples: 0, badLines: 0, bad: [] };
  let number = 0;
  const take = (line: string) => {
    number += 1;
    const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (text.trim() === '') return;
    check.examples += 1;
    const reason = problemOf(text);
    if (!reason) return;
    check.badLines += 1;
    if (check.bad.length < MOST_LISTED)
      check.bad.push({ line: number, reason, text: text.slice(0, MOST_TEXT) });
  };
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (signal.aborted) return void reader.cancel();
    if (done) break;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(take);
    onProgress({ ...check, bad: [...check.bad] });
  }
  if (rest !== '') take(rest);
  onProgress({ ...check, bad: [...check.bad] });
}
