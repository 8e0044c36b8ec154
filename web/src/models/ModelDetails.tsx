import { useBaseModels } from '@/api/models';
import type { Job } from '@/api/types';
import { useCheckpoints } from '@/fine_tuning/jobs';
import { useLanguage } from '@/i18n/language';
import { BackLink } from '@/ui/BackLink';
import { Code, Fact, Facts } from '@/ui/Facts';
import { splitStyles as styles } from '@/ui/SplitPage';
import { Failure, Loading } from '@/ui/State';
import { useTitle } from '@/ui/title';

import { Lineage } from './Lineage';
import { kindOf, stepOf } from './model_names';
import { ModelActions } from './ModelActions';
import { useLineage, useModelDescription } from './models';

function BaseFacts({ id }: { id: string }) {
  const { t, format } = useLanguage();
  const { data: bases } = useBaseModels();
  const base = bases?.find((one) => one.id === id);
  if (!base) return null;
  return (
    <>
      <Fact label={t('models.architecture')}>
        <Code>{base.architecture}</Code>
      </Fact>
      <Fact label={t('models.parameters')}>{format.number(base.parameters)}</Fact>
      <Fact label={t('models.context')}>{t('models.tokens', { count: base.context_length })}</Fact>
      <Fact label={t('models.size')}>{format.bytes(base.bytes)}</Fact>
      <Fact label={t('models.licence')}>
        <bdi>{base.licence ?? t('models.unknown')}</bdi>
      </Fact>
      {base.aliases.length > 0 && (
        <Fact label={t('models.aliases')}>
          <Code>{base.aliases.join(', ')}</Code>
        </Fact>
      )}
    </>
  );
}

// What the job measured where it saved this model.
function Metrics({ id, job }: { id: string; job: Job }) {
  const { t, format } = useLanguage();
  const { data: checkpoints } = useCheckpoints(job);
  const found = checkpoints?.find((one) => one.fine_tuned_model_checkpoint === id);
  if (!found) return null;
  const { metrics } = found;
  const figures: [string, number | undefined][] = [
    [t('models.trainLoss'), metrics['train_loss']],
    [t('models.validLoss'), metrics['full_valid_loss'] ?? metrics['valid_loss']],
    [
      t('models.accuracy'),
      metrics['full_valid_mean_token_accuracy'] ?? metrics['train_mean_token_accuracy'],
    ],
  ];
  return (
    <>
      <Fact label={t('models.step')}>{format.number(found.step_number)}</Fact>
      {figures.map(
        ([name, value]) =>
          value !== undefined && (
            <Fact key={name} label={name}>
              {format.measure(value)}
            </Fact>
          ),
      )}
    </>
  );
}

function TunedFacts({ id }: { id: string }) {
  const { t, format } = useLanguage();
  const { data: description } = useModelDescription(id);
  const { data: steps } = useLineage(id);
  const job = steps?.at(-1)?.job;
  if (!description || description.job_id === null) return null;
  return (
    <>
      <Fact label={t('models.base')}>
        <Code>{description.base}</Code>
      </Fact>
      <Fact label={t('models.job')} copy={description.job_id}>
        <Code>{description.job_id}</Code>
      </Fact>
      <Fact label={t('models.created')}>{format.dateTime(description.created)}</Fact>
      {description.bytes !== null && (
        <Fact label={t('models.adapterSize')}>{format.bytes(description.bytes)}</Fact>
      )}
      {job && <Metrics id={id} job={job} />}
      {!job && kindOf(id) === 'checkpoint' && (
        <Fact label={t('models.step')}>{format.number(stepOf(id))}</Fact>
      )}
    </>
  );
}

export function ModelDetails({ id }: { id: string }) {
  const { t } = useLanguage();
  const { data: description, error, refetch } = useModelDescription(id);
  useTitle(id);
  if (!description)
    return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Loading />;
  return (
    <article className={styles.article}>
      <BackLink narrow href="/models">
        {t('models.back')}
      </BackLink>
      <header className={styles.heading}>
        <div className={styles.title}>
          <h1>
            <bdi>{id}</bdi>
          </h1>
        </div>
        <ModelActions description={description} />
      </header>
      <Facts>
        <Fact label={t('models.name')} copy={id}>
          <Code>{id}</Code>
        </Fact>
        <Fact label={t('models.kind')}>{t(`models.kind.${kindOf(id)}`)}</Fact>
        {description.job_id === null ? <BaseFacts id={description.base} /> : <TunedFacts id={id} />}
      </Facts>
      <Lineage id={id} />
    </article>
  );
}
