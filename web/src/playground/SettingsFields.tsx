import { useId, useState } from 'react';

import { useLanguage } from '@/i18n/language';
import { Field, Input, TextArea } from '@/ui/Field';

import styles from './SettingsFields.module.css';
import type { Settings } from './state';

const MOST_STOPS = 4;

function Slider(props: {
  label: string;
  max: number;
  value: number;
  onChange: (value: number) => void;
}) {
  const { format } = useLanguage();
  const id = useId();
  return (
    <div className={styles.slider}>
      {/* Around both it would be the output's label. */}
      <label htmlFor={id}>{props.label}</label>
      <output htmlFor={id}>{format.measure(props.value)}</output>
      <input
        id={id}
        type="range"
        min={0}
        max={props.max}
        step={0.05}
        value={props.value}
        onChange={(event) => props.onChange(Number(event.target.value))}
      />
    </div>
  );
}

// A whole number, or nothing. What is no number yet stays in the field and changes nothing.
function WholeNumber(props: {
  label: string;
  min: number;
  hint?: string;
  placeholder?: string;
  value: number | null;
  onChange: (value: number | null) => void;
}) {
  const { t } = useLanguage();
  const [text, setText] = useState(props.value === null ? '' : String(props.value));
  const [wrong, setWrong] = useState(false);
  return (
    <Field
      label={props.label}
      hint={props.hint}
      error={wrong ? t('playground.wholeNumber', { min: props.min }) : null}
    >
      {(control) => (
        <Input
          {...control}
          inputMode="numeric"
          dir="ltr"
          placeholder={props.placeholder}
          value={text}
          onChange={(event) => {
            const next = event.target.value.trim();
            const value = Number(next);
            const empty = next === '' && props.placeholder !== undefined;
            const good = next !== '' && Number.isSafeInteger(value) && value >= props.min;
            setText(event.target.value);
            setWrong(!good && !empty);
            if (empty) props.onChange(null);
            else if (good) props.onChange(value);
          }}
        />
      )}
    </Field>
  );
}

// Texts that end an answer: one in a line, with \n for a line break.
const toLines = (stop: readonly string[]) =>
  stop.map((one) => one.replaceAll('\n', String.raw`\n`)).join('\n');
const fromLines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replaceAll(String.raw`\n`, '\n'))
    .slice(0, MOST_STOPS);

export function SettingsFields(props: { value: Settings; onChange: (settings: Settings) => void }) {
  const { t } = useLanguage();
  const { value } = props;
  const [stop, setStop] = useState(toLines(value.stop));
  const change = (changes: Partial<Settings>) => props.onChange({ ...value, ...changes });
  return (
    <>
      <Slider
        label={t('playground.temperature')}
        max={2}
        value={value.temperature}
        onChange={(temperature) => change({ temperature })}
      />
      <Slider
        label={t('playground.topP')}
        max={1}
        value={value.topP}
        onChange={(topP) => change({ topP })}
      />
      <WholeNumber
        label={t('playground.maxTokens')}
        min={1}
        value={value.maxTokens}
        onChange={(maxTokens) => maxTokens !== null && change({ maxTokens })}
      />
      <WholeNumber
        label={t('playground.seed')}
        min={0}
        placeholder={t('playground.seedRandom')}
        value={value.seed}
        onChange={(seed) => change({ seed })}
      />
      <Field label={t('playground.stopTexts')} hint={t('playground.stopHint')}>
        {(control) => (
          <TextArea
            {...control}
            className={styles.stop}
            rows={2}
            dir="auto"
            value={stop}
            onChange={(event) => {
              setStop(event.target.value);
              change({ stop: fromLines(event.target.value) });
            }}
          />
        )}
      </Field>
    </>
  );
}
