import { useDeferredValue, useMemo, useState, type SyntheticEvent } from 'react';
import { useLocation, useSearchParams } from 'wouter';

import { ApiError, describeError } from '@/api/error';
import { useBaseModels } from '@/api/models';
import type { Job, MethodName } from '@/api/types';
import { FilePreview } from '@/files/FilePreview';
import { useLanguage } from '@/i18n/language';
import { BackLink } from '@/ui/BackLink';
import { Button } from '@/ui/Button';
import { Field, Input } from '@/ui/Field';
import { say } from '@/ui/notices';
import { splitStyles } from '@/ui/SplitPage';
import { Loading } from '@/ui/State';

import { useCreateJob, useJob } from '../jobs';
import { CodeExamples } from './CodeExamples';
import styles from './CreateJob.module.css';
import { useEstimate } from './estimate';
import { EstimatePanel } from './EstimatePanel';
import { FileField, TrainingFileField } from './FileField';
import { HyperparameterFields } from './HyperparameterFields';
import { draftOf, emptyDraft, fieldOf, problemsOf, requestOf, type JobDraft } from './job_draft';
import { MetadataField } from './MetadataField';
import { ModelField } from './ModelField';
import { SplitButton } from './SplitButton';

const METHODS: MethodName[] = ['supervised', 'dpo'];

function MethodField(props: { value: MethodName; onChange: (value: MethodName) => void }) {
  const { t } = useLanguage();
  return (
    <fieldset className={styles.group}>
      <legend>{t('create.method')}</legend>
      <div className={styles.choices}>
        {METHODS.map((method) => (
          <label key={method} className={styles.choice} htmlFor={`method-${method}`}>
            <input
              id={`method-${method}`}
              type="radio"
              name="method"
              checked={props.value === method}
              onChange={() => props.onChange(method)}
            />
            <span>
              <b>{t(`job.method.${method}`)}</b>
              <small>{t(`create.method.${method}`)}</small>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function useSubmit(draft: JobDraft) {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const create = useCreateJob();
  const refused = create.error instanceof ApiError ? create.error : null;
  return {
    busy: create.isPending,
    // What the server says of a field of the form.
    refusedField: fieldOf(refused?.param ?? null),
    refusal: refused?.message,
    submit: () =>
      create.mutate(requestOf(draft), {
        onSuccess: (job) => {
          say('good', t('create.created', { id: job.id }));
          navigate(`/fine-tuning/${job.id}`);
        },
        onError: (error) => say('bad', describeError(error, t)),
      }),
  };
}

function Form({ start }: { start: JobDraft }) {
  const { t } = useLanguage();
  const [draft, setDraft] = useState(start);
  const [tried, setTried] = useState(false);
  const { busy, refusedField, refusal, submit } = useSubmit(draft);
  const problems = problemsOf(draft);
  const request = useMemo(() => requestOf(draft), [draft]);
  const ready = Object.keys(problems).length === 0;
  const wanted = useDeferredValue(ready ? request : null);
  const estimate = useEstimate(wanted);
  const put = (change: Partial<JobDraft>) => setDraft((old) => ({ ...old, ...change }));
  const errorOf = (field: keyof typeof problems) => {
    const problem = problems[field];
    if (refusedField === field) return refusal;
    if (!problem || (!tried && problem[0] === 'create.wrong.needed')) return undefined;
    return t(problem[0], problem[1]);
  };
  const onSubmit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (ready) submit();
  };
  return (
    <form className={styles.form} onSubmit={onSubmit} noValidate>
      <ModelField
        value={draft.model}
        error={errorOf('model')}
        onChange={(model) => put({ model })}
      />
      <MethodField value={draft.method} onChange={(method) => put({ method })} />
      <TrainingFileField
        label={t('create.training')}
        value={draft.trainingFile}
        error={errorOf('trainingFile')}
        onChange={(trainingFile) => put({ trainingFile })}
      />
      <div className={styles.file}>
        <FileField
          label={t('create.validation')}
          hint={t('create.validation.hint')}
          optional
          value={draft.validationFile}
          error={errorOf('validationFile')}
          onChange={(validationFile) => put({ validationFile })}
        />
        {draft.trainingFile !== '' && draft.validationFile === '' && (
          <SplitButton
            file={draft.trainingFile}
            onSplit={({ trainingFile, validationFile }) => put({ trainingFile, validationFile })}
          />
        )}
      </div>
      <HyperparameterFields
        draft={draft}
        chosen={estimate.data?.hyperparameters}
        errorOf={errorOf}
        onChange={put}
      />
      <div className={styles.columns}>
        <Field label={t('job.suffix')} error={errorOf('suffix')} hint={t('create.suffix.hint')}>
          {(control) => (
            <Input
              {...control}
              dir="auto"
              value={draft.suffix}
              onChange={(event) => put({ suffix: event.target.value })}
            />
          )}
        </Field>
        <Field label={t('job.seed')} error={errorOf('seed')} hint={t('create.seed.hint')}>
          {(control) => (
            <Input
              {...control}
              inputMode="numeric"
              value={draft.seed}
              onChange={(event) => put({ seed: event.target.value.trim() })}
            />
          )}
        </Field>
      </div>
      <MetadataField value={draft.metadata} onChange={(metadata) => put({ metadata })} />
      <EstimatePanel
        request={wanted}
        estimate={ready ? estimate.data : undefined}
        error={ready ? estimate.error : null}
      />
      <Button type="submit" look="primary" className={styles.submit} disabled={busy}>
        {busy ? t('create.submitting') : t('create.submit')}
      </Button>
      {draft.trainingFile !== '' && draft.model !== '' && (
        <FilePreview fileId={draft.trainingFile} model={draft.model} />
      )}
      <CodeExamples request={request} command={estimate.data?.command ?? ''} />
    </form>
  );
}

// Where the form begins: empty, with a file or a model, or with all of another job.
function useStart(): JobDraft | null {
  const [query] = useSearchParams();
  const { data: bases, isPending } = useBaseModels();
  const from = query.get('from') ?? '';
  const job: Job | undefined = useJob(from).data;
  if (isPending || (from !== '' && !job)) return null;
  if (job) return draftOf(job);
  return {
    ...emptyDraft,
    model: query.get('model') ?? bases?.[0]?.id ?? '',
    trainingFile: query.get('file') ?? '',
  };
}

export function CreateJobForm() {
  const { t } = useLanguage();
  const start = useStart();
  return (
    <article className={splitStyles.article}>
      <BackLink narrow href="/fine-tuning">
        {t('jobs.back')}
      </BackLink>
      <header className={splitStyles.title}>
        <h2>{t('create.title')}</h2>
      </header>
      {start ? <Form start={start} /> : <Loading />}
    </article>
  );
}
