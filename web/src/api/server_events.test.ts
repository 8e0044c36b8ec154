import { describe, expect, it } from 'vitest';

import { EventParser } from './server_events';

function parse(...pieces: string[]) {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

describe('EventParser', () => {
  it('reads names, ids and data of several lines', () => {
    expect(parse('event: job\nid: 7\ndata: a\ndata:b\n\n')).toEqual([
      { event: 'job', id: '7', data: 'a\nb' },
    ]);
  });

  it('reads the same however the text is cut', () => {
    const text = ': hello\r\ndata: one\r\n\r\nid: 2\ndata: two\n\ndata: half';
    const whole = parse(text);
    expect(whole.map((event) => event.data)).toEqual(['one', 'two']);
    for (let cut = 1; cut < text.length; cut += 1)
      expect(parse(text.slice(0, cut), text.slice(cut)), `cut at ${cut}`).toEqual(whole);
    expect(parse(...text.split(/(?:)/u))).toEqual(whole);
  });

  it('keeps the id for the events after it', () => {
    expect(parse('id: 1\ndata: a\n\ndata: b\n\n').map((event) => event.id)).toEqual(['1', '1']);
  });

  it('ignores comments, unknown fields and events without data', () => {
    expect(parse(': keep\n\nretry: 5\nevent: x\n\ndata\n\n')).toEqual([
      { event: 'message', id: '', data: '' },
    ]);
  });
});
