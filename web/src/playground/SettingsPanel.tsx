import { useState } from 'react';

import { useLanguage } from '@/i18n/language';
import { Select, TextArea } from '@/ui/Field';

import { Preferences } from './Preferences';
import { SettingsFields } from './SettingsFields';
import styles from './SettingsPanel.module.css';
import { readSchema } from './state';
import { patch, patchPane, usePlayground } from './store';

function Check(props: {
  label: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className={styles.check}>
      <input
        type="checkbox"
        checked={props.checked}
        disabled={props.disabled}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      {props.label}
    </label>
  );
}

// Sampling, of all panes or of one of them.
function Sampling() {
  const { t } = useLanguage();
  const { panes, shared, settings } = usePlayground();
  const [chosen, setChosen] = useState('');
  const pane = panes.find((one) => one.id === chosen) ?? panes[0];
  const own = !shared && panes.length > 1 && pane;
  return (
    <section className={styles.section} aria-labelledby="playground-sampling">
      <h2 id="playground-sampling">{t('playground.sampling')}</h2>
      {panes.length > 1 && (
        <Check
          label={t('playground.shared')}
          checked={shared}
          onChange={(checked) =>
            patch({
              shared: checked,
              // They begin with what all had.
              ...(checked ? {} : { panes: panes.map((one) => ({ ...one, settings })) }),
            })
          }
        />
      )}
      {own && (
        <Select
          aria-label={t('playground.settingsOf')}
          value={pane.id}
          onChange={(event) => setChosen(event.target.value)}
        >
          {panes.map((one, index) => (
            <option key={one.id} value={one.id}>
              {t('playground.pane', { number: index + 1 })}: {one.model}
            </option>
          ))}
        </Select>
      )}
      <SettingsFields
        key={own ? pane.id : 'all'}
        value={own ? pane.settings : settings}
        onChange={(next) =>
          own ? patchPane(pane.id, { settings: next }) : patch({ settings: next })
        }
      />
    </section>
  );
}

function Output() {
  const { t } = useLanguage();
  const { logprobs, schemaOn, schema } = usePlayground();
  const read = readSchema(schema);
  const error = 'error' in read ? t(`playground.schema.${read.error}`) : null;
  return (
    <section className={styles.section} aria-labelledby="playground-output">
      <h2 id="playground-output">{t('playground.output')}</h2>
      <Check
        label={t('playground.logprobs')}
        checked={logprobs}
        onChange={(checked) => patch({ logprobs: checked })}
      />
      <Check
        label={t('playground.schemaMode')}
        checked={schemaOn}
        onChange={(checked) => patch({ schemaOn: checked })}
      />
      {schemaOn && (
        <>
          <TextArea
            className={styles.schema}
            dir="ltr"
            rows={10}
            spellCheck={false}
            aria-label={t('playground.schema')}
            aria-invalid={error !== null}
            aria-describedby="playground-schema-error"
            value={schema}
            onChange={(event) => patch({ schema: event.target.value })}
          />
          <p id="playground-schema-error" className={styles.error} role="status">
            {error}
          </p>
        </>
      )}
    </section>
  );
}

export function SettingsPanel() {
  const { t } = useLanguage();
  const { panes, blind } = usePlayground();
  return (
    <aside className={styles.panel} aria-label={t('playground.settings')}>
      <Sampling />
      <Output />
      <section className={styles.section} aria-labelledby="playground-vote">
        <h2 id="playground-vote">{t('playground.vote.title')}</h2>
        <Check
          label={t('playground.vote.blind')}
          checked={blind && panes.length > 1}
          disabled={panes.length < 2}
          onChange={(checked) => patch({ blind: checked })}
        />
        <p className={styles.hint}>
          {t(panes.length < 2 ? 'playground.vote.needsTwo' : 'playground.vote.hint')}
        </p>
        <Preferences />
      </section>
    </aside>
  );
}
