import { CircleStop, Send } from 'lucide-react';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { TextArea } from '@/ui/Field';

import styles from './Composer.module.css';
import { runTurn, stopAll } from './run';
import { awaitsVote, isRunning, readSchema, type Playground } from './state';
import { getPlayground, patch, usePlayground } from './store';

// Why nothing can be sent now; null where something can.
function obstacle(state: Playground): 'vote' | 'model' | 'schema' | null {
  const last = state.turns.at(-1);
  if (last && awaitsVote(last)) return 'vote';
  if (state.panes.some((pane) => pane.model === '')) return 'model';
  if (state.schemaOn && 'error' in readSchema(state.schema)) return 'schema';
  return null;
}

export function Composer() {
  const { t } = useLanguage();
  const state = usePlayground();
  const running = isRunning(state);
  const why = obstacle(state);
  const canSend = !running && why === null && state.draft.trim() !== '';
  const send = () => {
    const { draft, turns } = getPlayground();
    patch({ draft: '' });
    runTurn(turns.length, draft.trim(), t);
  };
  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        if (canSend) send();
      }}
    >
      <TextArea
        dir={state.draft === '' ? undefined : 'auto'} // a placeholder is in the page's direction
        rows={2}
        aria-label={t('playground.message')}
        aria-describedby="playground-obstacle"
        placeholder={t('playground.messageHint')}
        value={state.draft}
        onChange={(event) => patch({ draft: event.target.value })}
        onKeyDown={(event) => {
          // A key that ends the writing of a character (as in Japanese) sends nothing.
          if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          if (canSend) send();
        }}
      />
      {running ? (
        <Button onClick={stopAll}>
          <CircleStop aria-hidden />
          {t('playground.stop')}
        </Button>
      ) : (
        <Button type="submit" look="primary" disabled={!canSend}>
          <Send aria-hidden className={styles.icon} />
          {t('playground.send')}
        </Button>
      )}
      <p id="playground-obstacle" className={styles.obstacle} role="status">
        {why && !running && t(`playground.obstacle.${why}`)}
      </p>
    </form>
  );
}
