import { describe, expect, it } from 'vitest';

import type { CreateJob, Job, JobEstimate, JobPlan } from '@/api/types';

import { byExperience, byPlan, experienceWith, plannedOf } from './expectation';

const estimate = {
  examples: 100,
  hyperparameters: { n_epochs: 3 },
  tokens: { mean: 20 },
} as JobEstimate;

const job = {
  model: 'base',
  status: 'succeeded',
  created_at: 1_000,
  finished_at: 1_060,
  trained_tokens: 3_000,
  peak_memory_bytes: 7,
} as Job;

describe('what a job is expected to take', () => {
  it('is what the last job on its base took, by the tokens', () => {
    const last = experienceWith([{ ...job, status: 'failed' }, job], 'base');
    expect(last).toEqual({ secondsPerToken: 0.02, memoryBytes: 7 });
    expect(last && byExperience(last, estimate)).toEqual({
      by: 'job',
      seconds: 120,
      memoryBytes: 7,
    });
    expect(experienceWith([job], 'other')).toBeNull();
  });

  it('is what the server measured before the first job', () => {
    const plan = { memory_bytes: 5, seconds: 9 } as JobPlan;
    expect(byPlan(plan)).toEqual({ by: 'measurement', seconds: 9, memoryBytes: 5 });
  });

  it('does not depend on names', () => {
    const request = { model: 'base', training_file: 'file-1' };
    const named: CreateJob = { ...request, suffix: 's', seed: 7, metadata: { a: 'b' } };
    expect(plannedOf(named)).toEqual(request);
    expect(plannedOf({ ...request, validation_file: 'file-2' })).toEqual({
      ...request,
      validation_file: 'file-2',
    });
  });
});
