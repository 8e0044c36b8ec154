import { describe, expect, it } from 'vitest';

import { languages } from './catalogue';
import { makeFormats } from './format';
import { formatMessage } from './message';

const names = (text: string) => new Set(text.match(/\{\w+\}/g) ?? []);

describe('the catalogue', () => {
  it('fills in the same names in every language', () => {
    for (const [key, english] of Object.entries(languages.en.messages)) {
      const arabic = languages.ar.messages[key as keyof typeof languages.en.messages];
      const [first, second] = [english, arabic].map((message) =>
        typeof message === 'string' ? message : message.other,
      );
      expect(names(second ?? ''), key).toEqual(names(first ?? ''));
    }
  });
});

describe('formatMessage', () => {
  it('fills in names, and leaves those it does not know', () => {
    expect(formatMessage('{a} of {b} {c}', 'en', { a: 1234, b: 'x' })).toBe('1,234 of x {c}');
  });

  it('takes what it fills in as text', () => {
    expect(formatMessage('{a}', 'en', { a: '{b}$&', b: 'no' })).toBe('{b}$&');
  });

  it('chooses the form by the number', () => {
    const { messages, locale } = languages.ar;
    expect(formatMessage(messages['messages.count'], locale, { count: 2 })).toBe('رسالتان');
    expect(formatMessage(messages['messages.count'], locale, { count: 5 })).toBe('5 رسائل');
  });
});

describe('formats', () => {
  const format = makeFormats('en');

  it('writes durations in their two largest units', () => {
    expect(format.duration(0)).toBe('0 sec');
    expect(format.duration(185)).toBe('3 min 5 sec');
    expect(format.duration(7200)).toBe('2 hr');
    expect(format.duration(90_061)).toBe('1 day 1 hr');
  });

  it('writes sizes and measures shortly', () => {
    expect(format.bytes(999)).toBe('999 bytes');
    expect(format.bytes(1_500)).toBe('1.5 kB');
    expect(format.bytes(512_000_000)).toBe('512 MB');
    expect(format.measure(0.142857)).toBe('0.1429');
    expect(format.measure(0.0002)).toBe('2e-4');
    expect(format.measure(12_345.6)).toBe('12,346');
  });
});
