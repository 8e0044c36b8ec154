import { describe, expect, it } from 'vitest';

import type { Pull } from '@/api/types';

import { shownPulls } from './shown_pulls';

const pull = (id: string, model: string, status: Pull['status'], finished: number | null) =>
  ({ id, model, status, finished_at: finished }) as Pull;

describe('shownPulls', () => {
  it('shows what moves', () => {
    const pulls = [pull('1', 'a', 'queued', null), pull('2', 'b', 'running', null)];
    expect(shownPulls(pulls, 100)).toEqual(pulls);
    expect(
      shownPulls([pull('1', 'a', 'succeeded', 90), pull('2', 'b', 'cancelled', 90)], 100),
    ).toEqual([]);
  });

  it('shows a failure for an hour, unless the model was asked for again', () => {
    const failed = pull('1', 'a', 'failed', 100);
    expect(shownPulls([failed], 3_699)).toEqual([failed]);
    expect(shownPulls([failed], 3_700)).toEqual([]);
    const later = pull('2', 'a', 'running', null);
    expect(shownPulls([later, failed], 200)).toEqual([later]);
    expect(shownPulls([pull('2', 'a', 'cancelled', 150), failed], 200)).toEqual([]);
  });
});
