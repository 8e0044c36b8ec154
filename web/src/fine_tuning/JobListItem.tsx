import type { Job } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { ListItem, splitStyles as styles } from '@/ui/SplitPage';

import { JobProgress } from './JobProgress';
import { JobStatus } from './JobStatus';

export function JobListItem({ job, chosen }: { job: Job; chosen: boolean }) {
  const { format } = useLanguage();
  return (
    <ListItem href={`/fine-tuning/${job.id}`} chosen={chosen}>
      <span className={styles.line}>
        <bdi className={styles.name}>
          {job.fine_tuned_model ?? job.user_provided_suffix ?? job.model}
        </bdi>
        <time className={styles.aside} dateTime={new Date(job.created_at * 1000).toISOString()}>
          {format.ago(job.created_at)}
        </time>
      </span>
      <span className={styles.line}>
        <bdi className={styles.id}>{job.id}</bdi>
        <JobStatus job={job} />
      </span>
      <JobProgress job={job} brief />
    </ListItem>
  );
}
