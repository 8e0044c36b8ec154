import { useState } from 'react';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { CodeSamples } from '@/ui/CodeSamples';
import { Dialog } from '@/ui/Dialog';
import { Select } from '@/ui/Field';

import { codeFor, codeLanguages } from './code';
import styles from './CodeDialog.module.css';
import { requestFor, type Playground } from './state';
import { usePlayground } from './store';

// The conversation with the message that is being written, or with the last one that was sent.
function withDraft(state: Playground): Playground {
  if (state.draft.trim() === '' && state.turns.length > 0) return state;
  const user = state.draft.trim() || 'Hello!';
  const turn = { id: 'draft', user, answers: {}, order: null, chosen: null };
  return { ...state, turns: [...state.turns, turn] };
}

export function CodeDialog({ onClose }: { onClose: () => void }) {
  const { t } = useLanguage();
  const state = usePlayground();
  const [chosen, setChosen] = useState('');
  const pane = state.panes.find((one) => one.id === chosen) ?? state.panes[0];
  if (!pane) return null;
  const whole = withDraft(state);
  const request = requestFor(whole, whole.turns.length - 1, pane);
  return (
    <Dialog
      wide
      title={t('playground.code')}
      onClose={onClose}
      actions={<Button onClick={onClose}>{t('action.close')}</Button>}
    >
      {state.panes.length > 1 && (
        <Select
          className={styles.pane}
          aria-label={t('playground.codeOf')}
          value={pane.id}
          onChange={(event) => setChosen(event.target.value)}
        >
          {state.panes.map((one, index) => (
            <option key={one.id} value={one.id}>
              {t('playground.pane', { number: index + 1 })}: {one.model}
            </option>
          ))}
        </Select>
      )}
      <CodeSamples
        label={t('playground.code')}
        samples={codeLanguages.map((language) => ({
          name: t(`playground.code.${language}`),
          code: codeFor(language, window.location.origin, request),
        }))}
      />
    </Dialog>
  );
}
