import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';

import { useModels } from '@/api/models';
import { useLanguage } from '@/i18n/language';
import { say } from '@/ui/notices';
import { useTitle } from '@/ui/title';

import { Composer } from './Composer';
import { Conversation } from './Conversation';
import { decodeLink } from './link';
import styles from './PlaygroundPage.module.css';
import { SettingsPanel } from './SettingsPanel';
import { newPane } from './state';
import { getPlayground, patch, patchPane, setPlayground } from './store';
import { stopAll } from './run';
import { Toolbar } from './Toolbar';

// What an address asks for: #... is a shared playground, ?model=a&model=b are models side by side.
function useAddress() {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  useEffect(() => {
    const take = () => {
      const { hash, search } = window.location;
      const models = new URLSearchParams(search).getAll('model').slice(0, 4);
      if (hash.length > 1) {
        void decodeLink(hash.slice(1)).then((found) => {
          navigate('/playground', { replace: true });
          stopAll();
          if (found) setPlayground(found);
          else say('bad', t('playground.link.bad'));
        });
      } else if (models.length > 0) {
        stopAll();
        patch({ panes: models.map((model) => newPane(model)), turns: [] });
        navigate('/playground', { replace: true });
      }
    };
    take();
    window.addEventListener('hashchange', take);
    return () => window.removeEventListener('hashchange', take);
  }, [navigate, t]);
}

// A pane without a model gets the first that there is.
function useFirstModel() {
  const { data: models } = useModels();
  const first = models?.[0]?.id;
  useEffect(() => {
    if (first === undefined) return;
    for (const pane of getPlayground().panes)
      if (pane.model === '') patchPane(pane.id, { model: first });
  }, [first]);
}

export default function PlaygroundPage() {
  const { t } = useLanguage();
  const [settings, setSettings] = useState(() => window.matchMedia('(width >= 62rem)').matches);
  useTitle(t('playground.title'));
  useAddress();
  useFirstModel();
  return (
    <div className={styles.page}>
      <Toolbar settings={settings} onSettings={() => setSettings(!settings)} />
      <div className={styles.body}>
        <div className={styles.main}>
          <Conversation />
          <Composer />
        </div>
        {settings && <SettingsPanel />}
      </div>
    </div>
  );
}
