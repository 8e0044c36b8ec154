import { Pencil, RotateCcw } from 'lucide-react';
import { useState } from 'react';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { TextArea } from '@/ui/Field';

import { AnswerView } from './AnswerView';
import { runTurn } from './run';
import { awaitsVote, isBusy, type Turn } from './state';
import { usePlayground } from './store';
import styles from './TurnView.module.css';
import { Vote } from './Vote';

function UserMessage({ turn, index }: { turn: Turn; index: number }) {
  const { t } = useLanguage();
  const [edited, setEdited] = useState<string | null>(null);
  if (edited !== null)
    return (
      <form
        className={styles.edit}
        onSubmit={(event) => {
          event.preventDefault();
          if (edited.trim() !== '') runTurn(index, edited, t);
        }}
      >
        <TextArea
          dir="auto"
          aria-label={t('playground.message')}
          // eslint-disable-next-line jsx-a11y/no-autofocus -- the person asked to write here
          autoFocus
          value={edited}
          onChange={(event) => setEdited(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') setEdited(null);
          }}
        />
        <div className={styles.buttons}>
          <Button onClick={() => setEdited(null)}>{t('action.cancel')}</Button>
          <Button type="submit" look="primary" disabled={edited.trim() === ''}>
            {t('playground.rerun')}
          </Button>
        </div>
      </form>
    );
  return (
    <div className={styles.user}>
      <p dir="auto">{turn.user}</p>
      <div className={styles.tools}>
        <Button
          look="quiet"
          icon
          aria-label={t('playground.edit')}
          title={t('playground.edit')}
          onClick={() => setEdited(turn.user)}
        >
          <Pencil aria-hidden />
        </Button>
        <Button
          look="quiet"
          icon
          aria-label={t('playground.rerun')}
          title={t('playground.rerun')}
          onClick={() => runTurn(index, turn.user, t)}
        >
          <RotateCcw aria-hidden />
        </Button>
      </div>
    </div>
  );
}

// One message, and what each model says to it, side by side.
export function TurnView({ turn, index, last }: { turn: Turn; index: number; last: boolean }) {
  const { t } = useLanguage();
  const { panes } = usePlayground();
  const ids = panes.map((pane) => pane.id);
  const order = turn.order?.every((id) => ids.includes(id)) ? turn.order : ids;
  const hidden = turn.order !== null && turn.chosen === null && ids.length > 1;
  const busy = Object.values(turn.answers).some(isBusy);
  return (
    <li className={styles.turn} aria-busy={busy}>
      <UserMessage turn={turn} index={index} />
      <ul className={styles.answers}>
        {order.map((id, place) => {
          const answer = turn.answers[id];
          if (!answer) return <li key={id} className={styles.none} />;
          return (
            <AnswerView
              key={id}
              answer={answer}
              pane={id}
              turnIndex={index}
              label={hidden ? t('playground.answer', { number: place + 1 }) : answer.model}
              hidden={hidden}
              best={turn.chosen === id}
            />
          );
        })}
      </ul>
      {last && awaitsVote(turn) && <Vote turn={turn} order={order} />}
    </li>
  );
}
