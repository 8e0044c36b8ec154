// What a job will come to, as the server says, and what it is expected to take.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { api, result } from '@/api/client';
import { isPassing } from '@/api/error';
import type { CreateJob, JobEstimate } from '@/api/types';
import { useSettled } from '@/ui/settled';

import { useJobs } from '../jobs';
import { byExperience, byPlan, experienceWith, plannedOf, type Expectation } from './expectation';

const MOST_TRIES = 30;
const TRY_AGAIN_MS = 2_000;

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

// The server loads the model and times a step. It does that for one at a time, and says so to others.
function usePlan(request: CreateJob | null) {
  return useQuery({
    queryKey: ['plan', request],
    enabled: request !== null,
    queryFn: ({ signal }) =>
      result(api.POST('/api/fine_tuning/plan', { body: request as CreateJob, signal })),
    staleTime: Infinity,
    retry: (failures, error) => isPassing(error) && failures < MOST_TRIES,
    retryDelay: TRY_AGAIN_MS,
  });
}

export interface Outlook {
  expected: Expectation | null; // null: not known, or not yet
  measuring: boolean;
  error: Error | null; // why it could not be measured
}

// `estimate` is the server's of `request`; without one there is nothing to expect.
export function useOutlook(request: CreateJob | null, estimate: JobEstimate | undefined): Outlook {
  const { data: jobs } = useJobs();
  const last = request && jobs ? experienceWith(jobs, request.model) : null;
  const measurable =
    jobs !== undefined && !last && estimate !== undefined && estimate.bad_lines === 0;
  const planned = useMemo(() => (request ? plannedOf(request) : null), [request]);
  const settled = useSettled(planned);
  const plan = usePlan(measurable ? settled : null);
  if (!estimate) return { expected: null, measuring: false, error: null };
  if (last) return { expected: byExperience(last, estimate), measuring: false, error: null };
  return {
    expected: plan.data ? byPlan(plan.data) : null,
    measuring: plan.isFetching || settled !== planned,
    error: plan.error,
  };
}
