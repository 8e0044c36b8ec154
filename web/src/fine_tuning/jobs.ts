// Jobs as data: what is read of them, and what can be done with them.
import {
  keepPreviousData,
  useInfiniteQuery,
  queryOptions,
  useMutation,
  useQueries,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { useMemo, useSyncExternalStore } from 'react';

import { api, result } from '@/api/client';
import { queryClient } from '@/api/query_client';
import type { Checkpoint, CreateJob, Job, JobState } from '@/api/types';

import type { Columns } from './columns';
import { JobFeed } from './job_feed';

const PAGE = 30;
const KEPT_FEEDS = 8;

export const jobState = (job: Job): JobState => (job.paused ? 'paused' : job.status);
export const isOver = (job: Job) => ['succeeded', 'failed', 'cancelled'].includes(job.status);
// Changes without anybody doing something.
export const isMoving = (job: Job) => !isOver(job) && !job.paused;

const path = (id: string) => ({ params: { path: { fine_tuning_job_id: id } } });

export const jobFilters = ['all', 'active', 'succeeded', 'failed'] as const;
export type JobFilter = (typeof jobFilters)[number];

const STATUSES: Record<JobFilter, string> = {
  all: '',
  active: 'validating_files,queued,running,paused',
  succeeded: 'succeeded',
  failed: 'failed,cancelled',
};

// The newest first; `search`: words of id, models, suffix or metadata, which the server looks for.
export function useJobs(filter: JobFilter = 'all', search = '') {
  const status = STATUSES[filter];
  const words = search.trim();
  return useInfiniteQuery({
    queryKey: ['jobs', status, words],
    initialPageParam: '',
    placeholderData: keepPreviousData,
    queryFn: async ({ pageParam, signal }) => {
      const query = {
        limit: PAGE,
        ...(pageParam === '' ? {} : { after: pageParam }),
        ...(status === '' ? {} : { status }),
        ...(words === '' ? {} : { search: words }),
      };
      return result(api.GET('/api/fine_tuning/jobs', { params: { query }, signal }));
    },
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
    select: (data) => data.pages.flatMap((page) => page.data as Job[]),
    refetchInterval: (query) => {
      const jobs = query.state.data?.pages.flatMap((page) => page.data as Job[]) ?? [];
      return jobs.some(isMoving) ? 2_000 : 10_000;
    },
  });
}

// An empty id: none.
const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['job', id],
    queryFn: async ({ signal }) =>
      (await result(
        api.GET('/v1/fine_tuning/jobs/{fine_tuning_job_id}', { ...path(id), signal }),
      )) as Job,
    refetchInterval: (query) => (query.state.data && !isMoving(query.state.data) ? 10_000 : 1_500),
  });

export function useJob(id: string) {
  return useQuery(jobQuery(id));
}

// Those that are there by now, in order; or why one of them cannot be.
export function useJobsById(ids: readonly string[]) {
  return useQueries({ queries: ids.map(jobQuery), combine: combineJobs });
}

function combineJobs(answers: { data: Job | undefined; error: Error | null }[]) {
  return {
    jobs: answers.flatMap(({ data }) => (data ? [data] : [])),
    error: answers.find(({ data, error }) => error && !data)?.error ?? null,
  };
}

export function useCheckpoints(job: Job) {
  return useQuery({
    queryKey: ['checkpoints', job.id],
    queryFn: async ({ signal }): Promise<Checkpoint[]> => {
      const { data } = await result(
        api.GET('/v1/fine_tuning/jobs/{fine_tuning_job_id}/checkpoints', {
          params: { ...path(job.id).params, query: { limit: 100 } },
          signal,
        }),
      );
      return data;
    },
  });
}

const feeds = new Map<string, JobFeed>();

// The feed of a job; those of the jobs that were looked at last are kept.
function feedOf(id: string): JobFeed {
  let feed = feeds.get(id);
  feeds.delete(id);
  feed ??= new JobFeed(
    id,
    (job) => {
      queryClient.setQueryData(['job', id], job);
      void queryClient.invalidateQueries({ queryKey: ['jobs'] });
    },
    () => {
      void queryClient.invalidateQueries({ queryKey: ['job', id] });
      void queryClient.invalidateQueries({ queryKey: ['checkpoints', id] });
    },
  );
  feeds.set(id, feed);
  const oldest = feeds.keys().next().value;
  if (feeds.size > KEPT_FEEDS && oldest !== undefined) feeds.delete(oldest);
  return feed;
}

export function forgetFeeds() {
  feeds.clear();
}

export function useJobFeed(id: string): { feed: JobFeed; version: number } {
  const feed = useMemo(() => feedOf(id), [id]);
  const version = useSyncExternalStore(feed.subscribe, () => feed.version);
  return { feed, version };
}

// Of several jobs at once, up to KEPT_FEEDS.
export function useJobFeeds(ids: readonly string[]): { runs: Columns[]; version: number } {
  const joined = ids.join();
  const all = useMemo(() => {
    const some = joined.split(',').map(feedOf);
    return {
      runs: some.map((feed) => feed.columns),
      version: () => some.reduce((sum, feed) => sum + feed.version, 0),
      subscribe: (listener: () => void) => {
        const ends = some.map((feed) => feed.subscribe(listener));
        return () => ends.forEach((end) => end());
      },
    };
  }, [joined]);
  const version = useSyncExternalStore(all.subscribe, all.version);
  return { runs: all.runs, version };
}

export type JobVerb = 'cancel' | 'pause' | 'resume';

function useStoreJob() {
  const client = useQueryClient();
  return (job: Job) => {
    client.setQueryData(['job', job.id], job);
    return client.invalidateQueries({ queryKey: ['jobs'] });
  };
}

export function useChangeJob(id: string) {
  const store = useStoreJob();
  return useMutation({
    mutationFn: async (verb: JobVerb) =>
      (await result(
        api.POST(`/v1/fine_tuning/jobs/{fine_tuning_job_id}/${verb}`, path(id)),
      )) as Job,
    onSuccess: store,
  });
}

// A job that is over; the models that it made and its files stay.
export function useDeleteJob(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => result(api.DELETE('/api/fine_tuning/jobs/{fine_tuning_job_id}', path(id))),
    onSuccess: () => {
      feeds.delete(id);
      return client.invalidateQueries({ queryKey: ['jobs'] });
    },
  });
}

export function useCreateJob() {
  const store = useStoreJob();
  return useMutation({
    mutationFn: async (body: CreateJob) =>
      (await result(api.POST('/v1/fine_tuning/jobs', { body }))) as Job,
    onSuccess: store,
  });
}
