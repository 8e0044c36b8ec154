import { describe, expect, it } from 'vitest';

import { lowerBound, pickIndices } from './decimate';
import { smooth } from './smooth';

describe('smooth', () => {
  it('keeps a constant, and does nothing with no weight', () => {
    const flat = new Float64Array([3, 3, 3]);
    for (const value of smooth(flat, 0.9)) expect(value).toBeCloseTo(3);
    expect(smooth(flat, 0)).toBe(flat);
  });

  it('weighs the past, and steps over gaps', () => {
    const smoothed = smooth(new Float64Array([1, NaN, 4]), 0.5);
    expect(smoothed[0]).toBe(1);
    expect(smoothed[1]).toBeNaN();
    expect(smoothed[2]).toBeCloseTo((1 * 0.25 + 4 * 0.5) / 0.75);
  });
});

describe('lowerBound', () => {
  it('finds the first that is not below', () => {
    const xs = new Float64Array([1, 3, 5]);
    expect([0, 1, 2, 5, 6].map((value) => lowerBound(xs, value))).toEqual([0, 0, 1, 2, 3]);
  });
});

describe('pickIndices', () => {
  it('keeps everything that fits', () => {
    expect(pickIndices([new Float64Array(5)], 1, 4, 10)).toEqual([1, 2, 3]);
  });

  it('never loses a spike, nor the ends', () => {
    const values = new Float64Array(200_000).map((_, index) => Math.sin(index / 900));
    values[123_456] = 50;
    values[77_777] = -50;
    const picked = pickIndices([values], 0, values.length, 600);
    expect(picked.length).toBeLessThan(1300);
    expect(picked).toContain(123_456);
    expect(picked).toContain(77_777);
    expect(picked[0]).toBe(0);
    expect(picked.at(-1)).toBe(values.length - 1);
    expect(picked).toEqual([...new Set(picked)].sort((a, b) => a - b));
  });

  it('keeps the few values of a sparse series', () => {
    const dense = new Float64Array(10_000).fill(1);
    const sparse = new Float64Array(10_000).fill(NaN);
    sparse[5_000] = 2;
    expect(pickIndices([dense, sparse], 0, 10_000, 100)).toContain(5_000);
  });
});
