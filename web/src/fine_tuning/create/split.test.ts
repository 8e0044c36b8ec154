import { describe, expect, it } from 'vitest';

import { splitLines } from './split';

const lines = (count: number) => Array.from({ length: count }, (_, index) => `{"row":${index}}`);

describe('splitLines', () => {
  it('keeps every tenth line back, blank ones not counted', () => {
    const split = splitLines(lines(21).join('\r\n\n') + '\n');
    expect(split?.validation).toEqual(['{"row":9}', '{"row":19}']);
    expect(split?.training).toHaveLength(19);
    expect(split?.training).toContain('{"row":20}');
  });

  it('leaves training what it needs, or splits nothing', () => {
    expect(splitLines(lines(11).join('\n'))?.training).toHaveLength(10);
    expect(splitLines(lines(10).join('\n'))).toBeNull();
  });
});
