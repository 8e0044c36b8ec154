import { useState, type SyntheticEvent } from 'react';
import { createPortal } from 'react-dom';

import { describeError } from '@/api/error';
import type { CatalogueModel } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field, Input, Select } from '@/ui/Field';
import { Failure, Loading } from '@/ui/State';

import styles from './Pulls.module.css';
import { useCatalogue, useCreatePull } from './pulls';

const OTHER = '/'; // no model is called so

function useFacts() {
  const { t, format } = useLanguage();
  return ({ parameters, kind, context, licence, gated, cached_bytes: cached }: CatalogueModel) =>
    [
      t('pull.facts', { parameters, kind: t(`pull.kind.${kind}`), context, licence }),
      gated && t('pull.gated'),
      cached > 0 && t('pull.cached', { bytes: format.bytes(cached) }),
    ]
      .filter(Boolean)
      .join(' ');
}

function Form(props: {
  id: string;
  models: readonly CatalogueModel[];
  error: string | null;
  onSubmit: (model: string) => void;
}) {
  const { t } = useLanguage();
  const factsOf = useFacts();
  const [chosen, setChosen] = useState(props.models[0]?.id ?? OTHER);
  const [repository, setRepository] = useState('');
  const model = props.models.find((one) => one.id === chosen);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    event.stopPropagation(); // to a form around the button
    props.onSubmit(chosen === OTHER ? repository.trim() : chosen);
  };
  return (
    <form id={props.id} className={styles.form} onSubmit={submit}>
      <Field
        label={t('pull.model')}
        hint={model && factsOf(model)}
        error={chosen === OTHER ? null : props.error}
      >
        {(control) => (
          <Select {...control} value={chosen} onChange={(event) => setChosen(event.target.value)}>
            {props.models.map(({ id }) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
            <option value={OTHER}>{t('pull.other')}</option>
          </Select>
        )}
      </Field>
      {chosen === OTHER && (
        <Field label={t('pull.repository')} hint={t('pull.repository.hint')} error={props.error}>
          {(control) => (
            <Input
              {...control}
              dir="ltr"
              required
              maxLength={200}
              placeholder="org/name"
              value={repository}
              onChange={(event) => setRepository(event.target.value)}
            />
          )}
        </Field>
      )}
    </form>
  );
}

// Asks which model the server is to fetch. It may be opened inside a form, and has one of its own.
export function PullDialog({ onClose }: { onClose: () => void }) {
  const { t } = useLanguage();
  const catalogue = useCatalogue();
  const create = useCreatePull();
  const models = catalogue.data?.filter((model) => !model.is_base);
  return createPortal(
    <Dialog
      title={t('pull.title')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="submit" form="pull" look="primary" disabled={!models || create.isPending}>
            {t('pull.submit')}
          </Button>
        </>
      }
    >
      {!models && !catalogue.error && <Loading />}
      {!models && catalogue.error && (
        <Failure error={catalogue.error} onRetry={() => void catalogue.refetch()} />
      )}
      {models && (
        <Form
          id="pull"
          models={models}
          error={create.error && describeError(create.error, t)}
          onSubmit={(model) => create.mutate(model, { onSuccess: onClose })}
        />
      )}
    </Dialog>,
    document.body,
  );
}
