import type { Job, JobState } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Badge, type Tone } from '@/ui/Badge';

import { jobState } from './jobs';

const TONES: Record<JobState, Tone> = {
  validating_files: 'busy',
  queued: 'idle',
  running: 'busy',
  paused: 'warn',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'idle',
};

export function JobStatus({ job }: { job: Job }) {
  const { t } = useLanguage();
  const state = jobState(job);
  return <Badge tone={TONES[state]}>{t(`status.${state}`)}</Badge>;
}
