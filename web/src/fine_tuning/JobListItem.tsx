import clsx from 'clsx';
import { Link } from 'wouter';

import type { Job } from '@/api/types';
import { useLanguage } from '@/i18n/language';

import styles from './JobListItem.module.css';
import { JobProgress } from './JobProgress';
import { JobStatus } from './JobStatus';

export function JobListItem({ job, chosen }: { job: Job; chosen: boolean }) {
  const { format } = useLanguage();
  return (
    <li>
      <Link
        href={`/fine-tuning/${job.id}`}
        className={clsx(styles.item, chosen && styles.chosen)}
        aria-current={chosen ? 'true' : undefined}
      >
        <span className={styles.line}>
          <bdi className={styles.name}>
            {job.fine_tuned_model ?? job.user_provided_suffix ?? job.model}
          </bdi>
          <time className={styles.muted} dateTime={new Date(job.created_at * 1000).toISOString()}>
            {format.ago(job.created_at)}
          </time>
        </span>
        <span className={styles.line}>
          <bdi className={clsx(styles.name, styles.muted)}>{job.id}</bdi>
          <JobStatus job={job} />
        </span>
        <JobProgress job={job} brief />
      </Link>
    </li>
  );
}
