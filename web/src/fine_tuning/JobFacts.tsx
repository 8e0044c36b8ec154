import type { Job } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Code, Fact, Facts } from '@/ui/Facts';

import { isOver } from './jobs';

// What stands where nothing is: of a job that is over, nothing will come any more.
const none = (job: Job) => (isOver(job) ? 'job.none' : 'job.noneYet');

function Times({ job }: { job: Job }) {
  const { t, format } = useLanguage();
  return (
    <>
      <Fact label={t('job.created')}>{format.dateTime(job.created_at)}</Fact>
      {job.finished_at && (
        <>
          <Fact label={t('job.finished')}>{format.dateTime(job.finished_at)}</Fact>
          <Fact label={t('job.duration')}>{format.duration(job.finished_at - job.created_at)}</Fact>
        </>
      )}
    </>
  );
}

function Training({ job }: { job: Job }) {
  const { t, format } = useLanguage();
  const given = job.hyperparameters;
  const amount = (value: number | 'auto' | undefined) =>
    typeof value === 'number' ? format.measure(value) : t('job.auto');
  return (
    <>
      <Fact label={t('job.trainedTokens')}>
        {job.trained_tokens ? format.number(job.trained_tokens) : t(none(job))}
      </Fact>
      {job.peak_memory_bytes && (
        <Fact label={t('job.memory')}>{format.bytes(job.peak_memory_bytes)}</Fact>
      )}
      {job.cpu_seconds && <Fact label={t('job.cpu')}>{format.duration(job.cpu_seconds)}</Fact>}
      <Fact label={t('job.epochs')}>{amount(given.n_epochs)}</Fact>
      <Fact label={t('job.batchSize')}>{amount(given.batch_size)}</Fact>
      <Fact label={t('job.multiplier')}>{amount(given.learning_rate_multiplier)}</Fact>
      {job.method?.type === 'dpo' && <Fact label={t('job.beta')}>{amount(given.beta)}</Fact>}
      <Fact label={t('job.seed')}>
        <Code>{String(job.seed)}</Code>
      </Fact>
    </>
  );
}

export function JobFacts({ job }: { job: Job }) {
  const { t } = useLanguage();
  return (
    <Facts>
      <Fact label={t('job.output')} copy={job.fine_tuned_model}>
        {job.fine_tuned_model ? <Code>{job.fine_tuned_model}</Code> : t(none(job))}
      </Fact>
      <Fact label={t('job.base')} copy={job.model}>
        <Code>{job.model}</Code>
      </Fact>
      <Fact label={t('job.id')} copy={job.id}>
        <Code>{job.id}</Code>
      </Fact>
      <Fact label={t('job.method')}>{t(`job.method.${job.method?.type ?? 'supervised'}`)}</Fact>
      <Times job={job} />
      <Training job={job} />
      {job.user_provided_suffix && (
        <Fact label={t('job.suffix')}>
          <bdi>{job.user_provided_suffix}</bdi>
        </Fact>
      )}
      {Object.entries(job.metadata ?? {}).map(([key, value]) => (
        <Fact key={key} label={`${t('job.metadata')}: ${key}`}>
          <bdi>{value}</bdi>
        </Fact>
      ))}
    </Facts>
  );
}
