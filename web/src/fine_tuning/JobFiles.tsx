import { Download } from 'lucide-react';

import { describeError } from '@/api/error';
import type { Job } from '@/api/types';
import { useFile } from '@/files/files';
import { saveContent } from '@/files/save';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { say } from '@/ui/notices';

import styles from './JobFiles.module.css';

function JobFile({ role, id }: { role: string; id: string }) {
  const { t, format } = useLanguage();
  const { data: file } = useFile(id);
  const name = file?.filename ?? id;
  return (
    <li className={styles.file}>
      <span className={styles.role}>{role}</span>
      <bdi className={styles.name}>{name}</bdi>
      {file && <span className={styles.size}>{format.bytes(file.bytes)}</span>}
      <Button
        look="quiet"
        icon
        aria-label={`${t('action.download')}: ${name}`}
        disabled={!file}
        onClick={() =>
          void saveContent(id, name).catch((error: unknown) => say('bad', describeError(error, t)))
        }
      >
        <Download aria-hidden />
      </Button>
    </li>
  );
}

export function JobFiles({ job }: { job: Job }) {
  const { t } = useLanguage();
  return (
    <section aria-labelledby="job-files">
      <h3 id="job-files" className={styles.title}>
        {t('job.files')}
      </h3>
      <ul className={styles.files}>
        <JobFile role={t('job.file.training')} id={job.training_file} />
        {job.validation_file && (
          <JobFile role={t('job.file.validation')} id={job.validation_file} />
        )}
        {job.result_files.map((id) => (
          <JobFile key={id} role={t('job.file.result')} id={id} />
        ))}
      </ul>
    </section>
  );
}
