import { MessagesSquare } from 'lucide-react';
import { useLocation } from 'wouter';

import type { Job } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { playgroundOf } from '@/playground/address';
import { Button } from '@/ui/Button';
import { CopyButton } from '@/ui/CopyButton';
import table from '@/ui/Table.module.css';

import styles from './JobFiles.module.css';
import { useCheckpoints } from './jobs';

export function JobCheckpoints({ job }: { job: Job }) {
  const { t, format } = useLanguage();
  const [, navigate] = useLocation();
  const { data: checkpoints } = useCheckpoints(job);
  if (!checkpoints?.length) return null;
  const measure = (value: number | undefined) =>
    value === undefined ? '–' : format.measure(value);
  return (
    <section aria-labelledby="job-checkpoints">
      <h3 id="job-checkpoints" className={styles.title}>
        {t('job.checkpoints')}
      </h3>
      <div className={table.frame}>
        <table className={table.table}>
          <thead>
            <tr>
              <th className={table.number}>{t('job.checkpoint.step')}</th>
              <th>{t('job.checkpoint.model')}</th>
              <th className={table.number}>{t('job.checkpoint.loss')}</th>
              <th className={table.number}>{t('job.checkpoint.validLoss')}</th>
              <th>{t('job.checkpoint.created')}</th>
            </tr>
          </thead>
          <tbody>
            {checkpoints.map((checkpoint) => (
              <tr key={checkpoint.id}>
                <td className={table.number}>{format.number(checkpoint.step_number)}</td>
                <td>
                  <span className={table.copied}>
                    <code dir="ltr">{checkpoint.fine_tuned_model_checkpoint}</code>
                    <CopyButton
                      text={checkpoint.fine_tuned_model_checkpoint}
                      label={t('job.checkpoint.model')}
                    />
                    <Button
                      look="quiet"
                      icon
                      aria-label={`${t('job.action.compare')}: ${checkpoint.fine_tuned_model_checkpoint}`}
                      title={t('job.action.compare')}
                      onClick={() =>
                        navigate(playgroundOf(job.model, checkpoint.fine_tuned_model_checkpoint))
                      }
                    >
                      <MessagesSquare aria-hidden />
                    </Button>
                  </span>
                </td>
                <td className={table.number}>{measure(checkpoint.metrics['train_loss'])}</td>
                <td className={table.number}>
                  {measure(
                    checkpoint.metrics['full_valid_loss'] ?? checkpoint.metrics['valid_loss'],
                  )}
                </td>
                <td>{format.dateTime(checkpoint.created_at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
