import type { Hyperparameters } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Field, Input } from '@/ui/Field';

import styles from './CreateJob.module.css';
import type { DraftField, JobDraft } from './job_draft';

const FIELDS = [
  { field: 'epochs', name: 'n_epochs', label: 'job.epochs', hint: 'create.epochs.hint' },
  { field: 'batchSize', name: 'batch_size', label: 'job.batchSize', hint: 'create.batch.hint' },
  {
    field: 'multiplier',
    name: 'learning_rate_multiplier',
    label: 'job.multiplier',
    hint: 'create.multiplier.hint',
  },
  { field: 'beta', name: 'beta', label: 'job.beta', hint: 'create.beta.hint' },
] as const;

// Empty fields are left to the server: what it will choose stands in them.
export function HyperparameterFields(props: {
  draft: JobDraft;
  chosen: Hyperparameters | undefined;
  errorOf: (field: DraftField) => string | undefined;
  onChange: (change: Partial<JobDraft>) => void;
}) {
  const { t, format } = useLanguage();
  const { draft, chosen } = props;
  return (
    <fieldset className={styles.group}>
      <legend>{t('create.hyperparameters')}</legend>
      <div className={styles.columns}>
        {FIELDS.filter(({ field }) => field !== 'beta' || draft.method === 'dpo').map(
          ({ field, name, label, hint }) => {
            const value = chosen?.[name];
            const automatic =
              typeof value === 'number'
                ? t('create.auto.is', { value: format.measure(value) })
                : t('create.auto');
            return (
              <Field key={field} label={t(label)} error={props.errorOf(field)} hint={t(hint)}>
                {(control) => (
                  <Input
                    {...control}
                    inputMode="decimal"
                    placeholder={automatic}
                    value={draft[field]}
                    onChange={(event) => props.onChange({ [field]: event.target.value.trim() })}
                  />
                )}
              </Field>
            );
          },
        )}
      </div>
    </fieldset>
  );
}
