import { describe, expect, it } from 'vitest';

import type { Job } from '@/api/types';

import { draftOf, emptyDraft, fieldOf, problemsOf, requestOf } from './job_draft';

const draft = { ...emptyDraft, model: 'base', trainingFile: 'file-1' };

describe('problemsOf', () => {
  it('wants a model and a file, and nothing else', () => {
    expect(Object.keys(problemsOf(emptyDraft))).toEqual(['model', 'trainingFile']);
    expect(problemsOf(draft)).toEqual({});
  });

  it('knows the limits, and one past them', () => {
    const wrong = (change: Partial<typeof draft>) =>
      Object.keys(problemsOf({ ...draft, ...change }));
    expect(
      wrong({ epochs: '50', batchSize: '256', seed: '2147483647', multiplier: '0.1' }),
    ).toEqual([]);
    expect(wrong({ epochs: '51' })).toEqual(['epochs']);
    expect(wrong({ epochs: '0' })).toEqual(['epochs']);
    expect(wrong({ epochs: '1.5' })).toEqual(['epochs']);
    expect(wrong({ batchSize: '257' })).toEqual(['batchSize']);
    expect(wrong({ seed: '2147483648' })).toEqual(['seed']);
    expect(wrong({ multiplier: '0' })).toEqual(['multiplier']);
    expect(wrong({ multiplier: 'x' })).toEqual(['multiplier']);
    expect(wrong({ beta: '3' })).toEqual([]); // not used
    expect(wrong({ beta: '3', method: 'dpo' })).toEqual(['beta']);
    expect(wrong({ suffix: 'é'.repeat(64) })).toEqual([]);
    expect(wrong({ suffix: 'é'.repeat(65) })).toEqual(['suffix']);
    expect(wrong({ suffix: 'a/b' })).toEqual(['suffix']);
    expect(wrong({ suffix: 'a<b>' })).toEqual([]);
  });
});

describe('requestOf', () => {
  it('leaves out what is left to the server', () => {
    expect(requestOf(draft)).toEqual({
      model: 'base',
      training_file: 'file-1',
      method: { type: 'supervised', supervised: { hyperparameters: {} } },
    });
  });

  it('makes the same job again', () => {
    const job = {
      model: 'base',
      training_file: 'file-1',
      validation_file: 'file-2',
      user_provided_suffix: 's',
      seed: 7,
      metadata: { a: 'b' },
      hyperparameters: { n_epochs: 3, batch_size: 1, learning_rate_multiplier: 2, beta: 0.1 },
      method: { type: 'dpo' },
    } as unknown as Job;
    expect(requestOf(draftOf(job))).toEqual({
      model: 'base',
      training_file: 'file-1',
      validation_file: 'file-2',
      suffix: 's',
      seed: 7,
      metadata: { a: 'b' },
      method: {
        type: 'dpo',
        dpo: {
          hyperparameters: { n_epochs: 3, batch_size: 1, learning_rate_multiplier: 2, beta: 0.1 },
        },
      },
    });
  });
});

describe('fieldOf', () => {
  it('finds the field of a refusal', () => {
    expect(fieldOf('method.dpo.hyperparameters.beta')).toBe('beta');
    expect(fieldOf('training_file')).toBe('trainingFile');
    expect(fieldOf('integrations')).toBeNull();
    expect(fieldOf(null)).toBeNull();
  });
});
