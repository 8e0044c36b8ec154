import { CircleX } from 'lucide-react';

import type { Job } from '@/api/types';
import { BadLines } from '@/files/BadLines';
import { useLanguage } from '@/i18n/language';

import styles from './JobError.module.css';

const FILE_CODES = ['invalid_file_format', 'invalid_n_examples', 'invalid_training_file'];

// The file whose lines the error is about.
function badFileOf(job: Job): string | null {
  if (job.error?.code !== 'invalid_file_format') return null;
  return job.error.param === 'validation_file' ? job.validation_file : job.training_file;
}

// Why a job failed, and what to do about it.
export function JobError({ job }: { job: Job }) {
  const { t } = useLanguage();
  if (!job.error) return null;
  // The lines of the message are shown with what stands in the file.
  const bad = badFileOf(job);
  return (
    <section className={styles.error} aria-labelledby="job-error">
      <CircleX aria-hidden />
      <div>
        <h3 id="job-error">{t('job.error.title')}</h3>
        <p className={styles.message} dir="auto">
          {bad ? job.error.message.split('\n')[0] : job.error.message}
        </p>
        <p className={styles.code}>
          <code>{job.error.code}</code>
        </p>
        {bad && <BadLines fileId={bad} />}
        {FILE_CODES.includes(job.error.code) && <p>{t('job.error.hint')}</p>}
      </div>
    </section>
  );
}
