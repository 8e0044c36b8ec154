import { describe, expect, it } from 'vitest';

import { Columns } from '@/fine_tuning/columns';

import { bestCells, differs, mergeRuns, summaryOf } from './runs';

function run(points: [step: number, values: Record<string, number>][]): Columns {
  const columns = new Columns();
  for (const [step, values] of points) columns.append(step, values);
  return columns;
}

describe('mergeRuns', () => {
  it('puts runs of other steps on one axis', () => {
    const long = run([
      [1, { loss: 4 }],
      [3, { loss: 2 }],
    ]);
    const short = run([[2, { loss: 9 }]]);
    const other = run([[7, { rate: 1 }]]);
    const { xs, series } = mergeRuns([long, short, other], 'loss');
    expect([...xs]).toEqual([1, 2, 3]);
    expect(series.map((values) => [...values])).toEqual([
      [4, NaN, 2],
      [NaN, 9, NaN],
      [NaN, NaN, NaN],
    ]);
  });
});

describe('summaryOf', () => {
  it('steps over gaps', () => {
    expect(summaryOf(new Float64Array([NaN, 3, 1, 2, NaN]))).toEqual({
      last: 2,
      least: 1,
      greatest: 3,
    });
    expect(summaryOf(new Float64Array([NaN]))).toBeNull();
  });
});

describe('rows', () => {
  it('say in what runs differ, and which is best', () => {
    expect(differs({ label: '', cells: [3, 3] })).toBe(false);
    expect(differs({ label: '', cells: [3, 'auto'] })).toBe(true);
    expect(bestCells({ label: '', cells: [3, null, 2], best: 'least' })).toEqual([
      false,
      false,
      true,
    ]);
    expect(bestCells({ label: '', cells: [3, 3], best: 'greatest' })).toEqual([false, false]);
    expect(bestCells({ label: '', cells: [3, 4] })).toEqual([false, false]);
  });
});
