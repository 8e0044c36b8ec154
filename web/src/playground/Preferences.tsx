import { Download, Trash2 } from 'lucide-react';
import { useState } from 'react';

import { saveBlob } from '@/files/save';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';

import { clearPreferences, toDpoFile, usePreferences, winsByModel } from './votes';
import styles from './Preferences.module.css';

function ClearDialog({ count, onClose }: { count: number; onClose: () => void }) {
  const { t } = useLanguage();
  return (
    <Dialog
      title={t('playground.vote.clear.ask')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('playground.vote.clear.keep')}</Button>
          <Button
            look="danger"
            onClick={() => {
              clearPreferences();
              onClose();
            }}
          >
            {t('playground.vote.clear')}
          </Button>
        </>
      }
    >
      {t('playground.vote.clear.text', { count })}
    </Dialog>
  );
}

// What the votes say so far, and the file that a DPO job learns them from.
export function Preferences() {
  const { t, format } = useLanguage();
  const preferences = usePreferences();
  const [asking, setAsking] = useState(false);
  if (preferences.length === 0) return null;
  return (
    <>
      <dl className={styles.wins}>
        {winsByModel(preferences).map(([model, wins]) => (
          <div key={model}>
            <dt dir="ltr" title={model}>
              {model}
            </dt>
            <dd>{format.number(wins)}</dd>
          </div>
        ))}
      </dl>
      <div className={styles.actions}>
        <Button
          onClick={() =>
            saveBlob(
              new Blob([toDpoFile(preferences)], { type: 'application/jsonl' }),
              'preferences.jsonl',
            )
          }
        >
          <Download aria-hidden />
          {t('playground.vote.export', { count: preferences.length })}
        </Button>
        <Button
          look="quiet"
          icon
          aria-label={t('playground.vote.clear')}
          title={t('playground.vote.clear')}
          onClick={() => setAsking(true)}
        >
          <Trash2 aria-hidden />
        </Button>
      </div>
      {asking && <ClearDialog count={preferences.length} onClose={() => setAsking(false)} />}
    </>
  );
}
