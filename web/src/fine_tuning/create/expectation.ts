// What memory and time a job is expected to take: by the last one on its base, or where there was
// none, by a step of it that the server measured.
import type { CreateJob, Job, JobEstimate, JobPlan } from '@/api/types';

// Tokens of the whole run: each example as often as there are epochs, cut where it is too long.
export function tokensOf({ tokens, examples, hyperparameters }: JobEstimate): number {
  const epochs = Number(hyperparameters.n_epochs);
  return Math.round(tokens.mean * examples * epochs);
}

export interface Experience {
  secondsPerToken: number;
  memoryBytes: number | null; // null: not known
}

// What the last job on that base took; null where there was none. Jobs come newest first.
export function experienceWith(jobs: readonly Job[], model: string): Experience | null {
  const last = jobs.find(
    (job) => job.model === model && job.status === 'succeeded' && Boolean(job.trained_tokens),
  );
  if (!last?.finished_at || !last.trained_tokens) return null;
  return {
    secondsPerToken: (last.finished_at - last.created_at) / last.trained_tokens,
    memoryBytes: last.peak_memory_bytes ?? null,
  };
}

export interface Expectation {
  by: 'job' | 'measurement';
  seconds: number;
  memoryBytes: number | null; // null: not known
}

export const byExperience = (experience: Experience, estimate: JobEstimate): Expectation => ({
  by: 'job',
  seconds: experience.secondsPerToken * tokensOf(estimate),
  memoryBytes: experience.memoryBytes,
});

export const byPlan = (plan: JobPlan): Expectation => ({
  by: 'measurement',
  seconds: plan.seconds,
  memoryBytes: plan.memory_bytes,
});

// Of a request what matters for the measurement.
export function plannedOf({ model, method, training_file, validation_file }: CreateJob): CreateJob {
  return {
    model,
    training_file,
    ...(method === undefined ? {} : { method }),
    ...(validation_file === undefined ? {} : { validation_file }),
  };
}
