import { Code, Link2, Plus, RotateCcw, Settings2 } from 'lucide-react';
import { useState } from 'react';

import { useOwnModels } from '@/api/models';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { say } from '@/ui/notices';

import { CodeDialog } from './CodeDialog';
import { encodeLink } from './link';
import { clearTurns } from './run';
import { MOST_PANES, newPane } from './state';
import { getPlayground, patch, usePlayground } from './store';
import styles from './Toolbar.module.css';

async function copyLink(): Promise<void> {
  const url = new URL('/playground', window.location.origin);
  url.hash = await encodeLink(getPlayground());
  await navigator.clipboard.writeText(url.href);
}

function useAddPane() {
  const { data: models = [] } = useOwnModels();
  return () => {
    const { panes, settings } = getPlayground();
    const taken = panes.map((pane) => pane.model);
    // A fine-tuned model is what one compares with.
    const free = models.filter((model) => !taken.includes(model.id));
    const next = free.find((model) => model.owned_by !== 'system') ?? free[0] ?? models[0];
    patch({ panes: [...panes, { ...newPane(next?.id ?? ''), settings }] });
  };
}

export function Toolbar({ settings, onSettings }: { settings: boolean; onSettings: () => void }) {
  const { t } = useLanguage();
  const { panes, turns } = usePlayground();
  const addPane = useAddPane();
  const [code, setCode] = useState(false);
  return (
    <header className={styles.toolbar}>
      <h1>{t('playground.title')}</h1>
      <div className={styles.actions}>
        <Button disabled={panes.length >= MOST_PANES} onClick={addPane}>
          <Plus aria-hidden />
          {t('playground.compare')}
        </Button>
        <Button look="quiet" disabled={turns.length === 0} onClick={clearTurns}>
          <RotateCcw aria-hidden />
          <span className={styles.word}>{t('playground.clear')}</span>
        </Button>
        <Button look="quiet" onClick={() => setCode(true)}>
          <Code aria-hidden />
          <span className={styles.word}>{t('playground.code')}</span>
        </Button>
        <Button
          look="quiet"
          onClick={() => {
            copyLink().then(
              () => say('good', t('playground.link.copied')),
              () => say('bad', t('playground.link.failed')),
            );
          }}
        >
          <Link2 aria-hidden />
          <span className={styles.word}>{t('playground.share')}</span>
        </Button>
        <Button
          look={settings ? 'normal' : 'quiet'}
          icon
          aria-label={t('playground.settings')}
          title={t('playground.settings')}
          aria-expanded={settings}
          onClick={onSettings}
        >
          <Settings2 aria-hidden />
        </Button>
      </div>
      {code && <CodeDialog onClose={() => setCode(false)} />}
    </header>
  );
}
