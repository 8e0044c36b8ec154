// Models as data: where each comes from, and what can be done with it.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api, fetchRaw, result } from '@/api/client';
import { ApiError } from '@/api/error';
import type { Job, ModelDescription } from '@/api/types';
import { saveBlob } from '@/files/save';

const MOST_ANCESTORS = 20;
const JOBS = 100; // that went on from a model, the newest

const path = (id: string) => ({ params: { path: { model: id } } });

export function useModelDescription(id: string) {
  return useQuery({
    queryKey: ['model', id],
    queryFn: ({ signal }) => result(api.GET('/api/models/{model}', { ...path(id), signal })),
    staleTime: Infinity,
  });
}

// A model, and the job that made it of the one before.
export interface Step {
  model: string;
  job: Job | null; // null: a base, or the job was deleted
}

// From the base to the model itself.
export function useLineage(id: string) {
  return useQuery({
    queryKey: ['lineage', id],
    queryFn: async ({ signal }) => {
      const steps: Step[] = [];
      let model: string | null = id;
      while (model !== null && steps.length < MOST_ANCESTORS) {
        const found: ModelDescription = await result(
          api.GET('/api/models/{model}', { ...path(model), signal }),
        );
        const { job_id: jobId } = found;
        const job = jobId === null ? null : await findJob(jobId, signal);
        steps.unshift({ model, job });
        // Without the job, what was between the model and its base is not known any more.
        model = job?.model ?? (jobId === null ? null : found.base);
      }
      return steps;
    },
    staleTime: 60_000,
  });
}

// null: it was deleted.
async function findJob(id: string, signal: AbortSignal): Promise<Job | null> {
  const params = { path: { fine_tuning_job_id: id } };
  try {
    return (await result(
      api.GET('/v1/fine_tuning/jobs/{fine_tuning_job_id}', { params, signal }),
    )) as Job;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

// The jobs that began with a model.
export function useJobsFrom(id: string) {
  return useQuery({
    queryKey: ['jobs-from', id],
    queryFn: async ({ signal }) => {
      const params = { query: { limit: JOBS, model: id } };
      return (await result(api.GET('/api/fine_tuning/jobs', { params, signal }))).data as Job[];
    },
  });
}

export function useDeleteModel(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => result(api.DELETE('/v1/models/{model}', path(id))),
    onSuccess: () => client.invalidateQueries({ queryKey: ['models'] }),
  });
}

// Takes a base that was fetched away from every project. `onRemoved` is called before the lists are
// renewed, which takes what asked off the page.
export function useRemoveBase(id: string, onRemoved: (freedBytes: number) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => result(api.DELETE('/api/base_models/{model}', path(id))),
    onSuccess: ({ freed_bytes: freedBytes }) => {
      onRemoved(freedBytes);
      return Promise.all(
        ['base-models', 'models', 'catalogue', 'model'].map((name) =>
          client.invalidateQueries({ queryKey: [name] }),
        ),
      );
    },
  });
}

export const downloadKinds = ['adapter', 'merged'] as const;
export type DownloadKind = (typeof downloadKinds)[number];

// The server makes a merged model while one waits.
export function useDownload(id: string) {
  return useMutation({
    mutationFn: async (kind: DownloadKind) => {
      const response = await fetchRaw(`/api/models/${encodeURIComponent(id)}/${kind}`);
      saveBlob(await response.blob(), `${id.replaceAll(/[^\w.-]+/g, '-')}-${kind}.tar`);
    },
  });
}
