import { useBaseModels, useModels } from '@/api/models';
import { useLanguage } from '@/i18n/language';
import { PullButton, PullList } from '@/models/Pulls';
import { Field, Select } from '@/ui/Field';

import styles from './CreateJob.module.css';

// The installed bases, and what jobs made of them; another base can be fetched.
export function ModelField(props: {
  value: string;
  error: string | undefined;
  onChange: (id: string) => void;
}) {
  const { t, format } = useLanguage();
  const { data: bases = [] } = useBaseModels();
  const { data: models = [] } = useModels();
  const tuned = models.filter((model) => model.id.startsWith('ft:'));
  const base = bases.find((one) => one.id === props.value);
  const facts =
    base &&
    t('create.base.facts', {
      parameters: new Intl.NumberFormat('en', { notation: 'compact' }).format(base.parameters),
      bytes: format.bytes(base.bytes),
      context: base.context_length,
      licence: base.licence ?? t('create.base.noLicence'),
    });
  return (
    <div className={styles.file}>
      <Field label={t('create.base')} error={props.error} hint={facts}>
        {(control) => (
          <Select
            {...control}
            value={props.value}
            onChange={(event) => props.onChange(event.target.value)}
          >
            <optgroup label={t('create.base.bases')}>
              {bases.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.id}
                </option>
              ))}
            </optgroup>
            {tuned.length > 0 && (
              <optgroup label={t('create.base.tuned')}>
                {tuned.map((one) => (
                  <option key={one.id} value={one.id}>
                    {one.id}
                  </option>
                ))}
              </optgroup>
            )}
          </Select>
        )}
      </Field>
      <PullList onFetched={props.onChange} />
      <PullButton />
    </div>
  );
}
