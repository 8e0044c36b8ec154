import { describe, expect, it } from 'vitest';

import { Columns } from './columns';
import { metricsCsv } from './export_metrics';
import { chartsOf } from './metric_charts';
import { overfittingStep } from './overfitting';

describe('Columns', () => {
  it('grows, and fills what is missing with NaN', () => {
    const columns = new Columns();
    for (let step = 1; step <= 5_000; step += 1)
      columns.append(step, step % 1000 === 0 ? { a: step, b: -step } : { a: step });
    expect(columns.length).toBe(5_000);
    expect(columns.values('a')[4_321]).toBe(4_322);
    expect(columns.values('b')[0]).toBeNaN();
    expect(columns.values('b')[999]).toBe(-1_000);
    expect(columns.values('none')[3]).toBeNaN();
  });

  it('leaves out a step that came before', () => {
    const columns = new Columns();
    expect([1, 2, 2, 1, 3].map((step) => columns.append(step, { a: step }))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
  });
});

describe('overfittingStep', () => {
  const steps = new Float64Array([10, 20, 30, 40, 50, 60]);
  const found = (...losses: number[]) => overfittingStep(steps, new Float64Array(losses));

  it('finds the best step before it got worse for good', () => {
    expect(found(3, 2, NaN, 2.2, 2.5, NaN)).toBe(20);
  });

  it('takes neither noise nor a single evaluation for it', () => {
    expect(found(3, 2, 2.001, 2.002, NaN, NaN)).toBeNull();
    expect(found(3, 2, 2.5, NaN, NaN, NaN)).toBeNull();
    expect(found(3, 2, 2.5, 2.4, 1.9, NaN)).toBeNull();
    expect(found(NaN, NaN, NaN, NaN, NaN, NaN)).toBeNull();
  });
});

describe('metricsCsv', () => {
  it('has every figure as it came', () => {
    const columns = new Columns();
    columns.append(1, { loss: 0.1 });
    columns.append(2, { loss: 0.25, valid: 3 });
    expect(metricsCsv(columns)).toBe('step,loss,valid\n1,0.1,\n2,0.25,3\n');
  });
});

describe('chartsOf', () => {
  it('shows the charts that there is something for', () => {
    expect(chartsOf(['train_loss', 'unknown']).map(({ title }) => title)).toEqual(['metrics.loss']);
    expect(chartsOf([])).toEqual([]);
  });

  it('draws validation beside training', () => {
    const names = ['train_loss', 'valid_loss', 'full_valid_loss', 'valid_mean_token_accuracy'];
    expect(chartsOf(names).map(({ title, series }) => [title, series.length])).toEqual([
      ['metrics.loss', 3],
      ['metrics.accuracy', 1],
    ]);
  });
});
