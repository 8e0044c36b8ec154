import { describe, expect, it } from 'vitest';

import { checkLocally, problemOf, type LocalCheck } from './local_check';

const good = JSON.stringify({
  messages: [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'a' },
  ],
});

async function check(text: string): Promise<LocalCheck> {
  let last: LocalCheck = { examples: -1, badLines: -1, bad: [] };
  await checkLocally(new Blob([text]), (now) => (last = now), new AbortController().signal);
  return last;
}

describe('problemOf', () => {
  it('tells the plain mistakes apart', () => {
    expect(problemOf(good)).toBeNull();
    expect(problemOf('{"messages": [')).toBe('check.json');
    expect(problemOf('[1]')).toBe('check.object');
    expect(problemOf('{"text": "a"}')).toBe('check.format');
    expect(problemOf('{"messages": 3}')).toBe('check.format');
    expect(problemOf('{"messages": [{"role": "user", "content": "a"}]}')).toBe('check.assistant');
  });

  it('knows the other formats', () => {
    expect(problemOf('{"prompt": "a", "completion": "b"}')).toBeNull();
    expect(problemOf('{"input": {}, "preferred_output": []}')).toBeNull();
  });
});

describe('checkLocally', () => {
  it('counts lines as an editor does, and skips blank ones', async () => {
    const found = await check(`\uFEFF${good}\r\n\n${good}\nbad`);
    expect(found.examples).toBe(3);
    expect(found.bad).toEqual([{ line: 4, reason: 'check.json', text: 'bad' }]);
  });

  it('lists the first bad lines and counts all', async () => {
    const found = await check('no\n'.repeat(1000));
    expect(found.badLines).toBe(1000);
    expect(found.bad).toHaveLength(20);
  });
});
