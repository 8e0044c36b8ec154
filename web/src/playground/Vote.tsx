import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';

import { preferencesOf, recordVote } from './votes';
import { canBeChosen, type Turn } from './state';
import { getPlayground, patchTurn } from './store';
import styles from './Vote.module.css';

// Which answer is better, asked of somebody who does not see which model gave it.
export function Vote({ turn, order }: { turn: Turn; order: readonly string[] }) {
  const { t } = useLanguage();
  const vote = (chosen: string) => {
    patchTurn(turn.id, { chosen });
    const voted = { ...turn, chosen };
    const state = getPlayground();
    const turns = state.turns.map((one) => (one.id === turn.id ? voted : one));
    recordVote(turn.id, preferencesOf({ ...state, turns }, voted));
  };
  return (
    <div className={styles.vote} role="group" aria-label={t('playground.vote.ask')}>
      <span>{t('playground.vote.ask')}</span>
      {order.map((id, place) =>
        canBeChosen(turn.answers[id]) ? (
          <Button key={id} onClick={() => vote(id)}>
            {t('playground.answer', { number: place + 1 })}
          </Button>
        ) : null,
      )}
      <Button look="quiet" onClick={() => vote('none')}>
        {t('playground.vote.none')}
      </Button>
    </div>
  );
}
