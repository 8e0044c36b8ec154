import { MessagesSquare, X } from 'lucide-react';
import { useEffect, useRef } from 'react';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { TextArea } from '@/ui/Field';
import { EmptyState } from '@/ui/State';

import styles from './Conversation.module.css';
import { ModelSelect } from './ModelSelect';
import { removePane } from './run';
import { patch, patchPane, usePlayground } from './store';
import { TurnView } from './TurnView';

const NEAR_THE_END = 80;

// Keeps the newest in sight, unless somebody scrolled up to read.
function useFollow(changed: unknown) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    const element = box.current;
    if (element && follows.current) element.scrollTop = element.scrollHeight;
  }, [changed]);
  const onScroll = () => {
    const element = box.current;
    if (!element) return;
    follows.current =
      element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_THE_END;
  };
  return { box, onScroll };
}

function PaneHeads() {
  const { t } = useLanguage();
  const { panes } = usePlayground();
  return (
    <ul className={styles.heads}>
      {panes.map((pane, index) => {
        const label = t('playground.pane', { number: index + 1 });
        return (
          <li key={pane.id} className={styles.head}>
            <ModelSelect
              label={label}
              value={pane.model}
              onChange={(model) => patchPane(pane.id, { model })}
            />
            {panes.length > 1 && (
              <Button
                look="quiet"
                icon
                aria-label={`${t('playground.removePane')}: ${label}`}
                title={t('playground.removePane')}
                onClick={() => removePane(pane.id)}
              >
                <X aria-hidden />
              </Button>
            )}
          </li>
        );
      })}
    </ul>
  );
}

export function Conversation() {
  const { t } = useLanguage();
  const { turns, panes, system } = usePlayground();
  const { box, onScroll } = useFollow(turns);
  return (
    <div
      className={styles.scroll}
      ref={box}
      onScroll={onScroll}
      style={{ '--columns': panes.length } as React.CSSProperties}
    >
      <PaneHeads />
      <div className={styles.inner}>
        <label className={styles.system}>
          <span>{t('playground.system')}</span>
          <TextArea
            dir={system === '' ? undefined : 'auto'}
            rows={2}
            value={system}
            placeholder={t('playground.systemHint')}
            onChange={(event) => patch({ system: event.target.value })}
          />
        </label>
        {turns.length === 0 ? (
          <EmptyState icon={<MessagesSquare aria-hidden />} title={t('playground.empty.title')}>
            <p>{t('playground.empty.text')}</p>
          </EmptyState>
        ) : (
          <ol className={styles.turns}>
            {turns.map((turn, index) => (
              <TurnView key={turn.id} turn={turn} index={index} last={index === turns.length - 1} />
            ))}
          </ol>
        )}
      </div>
    </div>
  );
}
