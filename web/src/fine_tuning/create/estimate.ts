// What a job will come to: the server's estimate, and how long the last one of its kind took.
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import { api, result } from '@/api/client';
import type { CreateJob, Job, JobEstimate } from '@/api/types';

import { useJobs } from '../jobs';

// `request` null: there is nothing to estimate yet.
export function useEstimate(request: CreateJob | null) {
  return useQuery({
    queryKey: ['estimate', request],
    enabled: request !== null,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      (await result(
        api.POST('/api/fine_tuning/estimate', { body: request as CreateJob, signal }),
      )) as JobEstimate,
    staleTime: Infinity,
    retry: false,
  });
}

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

export function useExperience(model: string): Experience | null {
  const { data: jobs } = useJobs();
  return experienceWith(jobs ?? [], model);
}
