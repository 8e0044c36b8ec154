import type { Job } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { useNow } from '@/ui/now';

import styles from './JobProgress.module.css';
import { isOver } from './jobs';

function TimeLeft({ until }: { until: number }) {
  const { t, format } = useLanguage();
  const left = until - useNow();
  return left > 0 && <span>{t('job.timeLeft', { time: format.duration(left) })}</span>;
}

// How far a job is, and when it will be done; nothing for one that is over.
export function JobProgress({ job, brief = false }: { job: Job; brief?: boolean }) {
  const { t } = useLanguage();
  if (isOver(job)) return null;
  if (job.queue_position)
    return (
      <span className={styles.text}>
        {t('job.queuePosition', { position: job.queue_position })}
      </span>
    );
  const total = job.total_steps ?? 0;
  const step = job.step ?? 0;
  if (total === 0) return null;
  const text = t('job.progress', { step, total });
  return (
    <span className={styles.progress}>
      <progress className={styles.bar} value={step} max={total} aria-label={text} />
      <span className={styles.text}>
        <span>{brief ? `${Math.floor((100 * step) / total)}%` : text}</span>
        {job.status === 'running' && job.estimated_finish && (
          <TimeLeft until={job.estimated_finish} />
        )}
      </span>
    </span>
  );
}
