import { Plus, X } from 'lucide-react';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Input } from '@/ui/Field';

import styles from './CreateJob.module.css';

const MOST = 16;

export function MetadataField(props: {
  value: [string, string][];
  onChange: (value: [string, string][]) => void;
}) {
  const { t } = useLanguage();
  const { value, onChange } = props;
  const put = (index: number, pair: [string, string]) =>
    onChange(value.map((old, at) => (at === index ? pair : old)));
  return (
    <fieldset className={styles.group}>
      <legend>{t('create.metadata')}</legend>
      {value.map(([key, text], index) => (
        // A pair has no name of its own but its place.
        <div key={index} className={styles.pair}>
          <Input
            aria-label={t('create.metadata.key')}
            placeholder={t('create.metadata.key')}
            maxLength={64}
            value={key}
            onChange={(event) => put(index, [event.target.value, text])}
          />
          <Input
            aria-label={t('create.metadata.value')}
            placeholder={t('create.metadata.value')}
            maxLength={512}
            value={text}
            onChange={(event) => put(index, [key, event.target.value])}
          />
          <Button
            look="quiet"
            icon
            aria-label={t('create.metadata.remove', { key })}
            onClick={() => onChange(value.filter((_, at) => at !== index))}
          >
            <X aria-hidden />
          </Button>
        </div>
      ))}
      {value.length < MOST && (
        <Button className={styles.add} onClick={() => onChange([...value, ['', '']])}>
          <Plus aria-hidden />
          {t('create.metadata.add')}
        </Button>
      )}
    </fieldset>
  );
}
