import type { Job } from '@/api/types';

export const jobFilters = ['all', 'active', 'succeeded', 'failed'] as const;
export type JobFilter = (typeof jobFilters)[number];

const ACTIVE = ['validating_files', 'queued', 'running'];
const FAILED = ['failed', 'cancelled'];

function fits(job: Job, filter: JobFilter): boolean {
  if (filter === 'all') return true;
  if (filter === 'active') return ACTIVE.includes(job.status);
  if (filter === 'failed') return FAILED.includes(job.status);
  return job.status === 'succeeded';
}

// What a person may remember of a job.
function textOf(job: Job): string {
  const metadata = Object.entries(job.metadata ?? {}).flatMap(([key, value]) => [
    key,
    value,
    `${key}=${value}`,
    `${key}:${value}`,
  ]);
  return [job.id, job.model, job.fine_tuned_model, job.user_provided_suffix, ...metadata]
    .join('\n')
    .toLowerCase();
}

// Jobs of the filter in which every word of the search occurs.
export function filterJobs(jobs: readonly Job[], filter: JobFilter, search: string): Job[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return jobs.filter((job) => {
    if (!fits(job, filter)) return false;
    const text = textOf(job);
    return words.every((word) => text.includes(word));
  });
}
