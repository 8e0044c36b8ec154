import clsx from 'clsx';

import { useLanguage } from '@/i18n/language';
import { EmptyState } from '@/ui/State';
import { useTitle } from '@/ui/title';

import styles from './FineTuningPage.module.css';
import { JobDetails } from './JobDetails';
import { JobList } from './JobList';

// The list of jobs, and the chosen one beside it; on a small screen one of the two.
export default function FineTuningPage({ jobId }: { jobId: string | undefined }) {
  const { t } = useLanguage();
  useTitle(t('jobs.title'));
  return (
    <div className={clsx(styles.page, jobId && styles.chosen)}>
      <JobList chosen={jobId} />
      <div className={styles.details}>
        {jobId ? <JobDetails key={jobId} id={jobId} /> : <EmptyState title={t('jobs.select')} />}
      </div>
    </div>
  );
}
