// A file of the project split in two, in the browser.
import { fetchRaw } from '@/api/client';
import { startUpload } from '@/files/uploads';

import { splitLines } from './split';

// What is larger would fill the browser's memory.
export const MOST_BYTES = 100e6;

export interface SplitFiles {
  trainingFile: string;
  validationFile: string;
  kept: number; // examples
}

// Two new files of one that is there, which stays. 'few': see splitLines; null: an upload failed,
// which the list of uploads says.
export async function splitFile(id: string, name: string): Promise<SplitFiles | 'few' | null> {
  const response = await fetchRaw(`/v1/files/${encodeURIComponent(id)}/content`);
  const split = splitLines(await response.text());
  if (!split) return 'few';
  const stem = name.replace(/\.jsonl$/, '');
  const upload = (lines: string[], part: string) =>
    startUpload(new File([lines.join('\n'), '\n'], `${stem}-${part}.jsonl`));
  const [training, validation] = await Promise.all([
    upload(split.training, 'training'),
    upload(split.validation, 'validation'),
  ]);
  if (!training || !validation) return null;
  return {
    trainingFile: training.id,
    validationFile: validation.id,
    kept: split.validation.length,
  };
}
