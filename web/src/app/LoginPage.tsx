import { useState, type SyntheticEvent } from 'react';

import { checkKey } from '@/api/client';
import { describeError } from '@/api/error';
import { signIn, useSession } from '@/api/session';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Field, Input } from '@/ui/Field';
import { useTitle } from '@/ui/title';

import styles from './LoginPage.module.css';
import { Logo } from './Logo';
import { SettingsMenu } from './SettingsMenu';

export function LoginPage() {
  const { t } = useLanguage();
  const { expired } = useSession();
  const [key, setKey] = useState('');
  const [checking, setChecking] = useState(false);
  const [error, setError] = useState(expired ? t('login.expired') : null);
  useTitle(t('login.title'));

  async function submit(event: SyntheticEvent) {
    event.preventDefault();
    const given = key.trim();
    if (given === '') return;
    setChecking(true);
    setError(null);
    try {
      if (await checkKey(given)) signIn(given);
      else setError(t('login.wrong'));
    } catch (failure) {
      setError(describeError(failure, t));
    }
    setChecking(false);
  }

  return (
    <main className={styles.page}>
      <form className={styles.card} onSubmit={(event) => void submit(event)}>
        <Logo />
        <div>
          <h1>{t('login.title')}</h1>
          <p className={styles.muted}>{t('login.intro')}</p>
        </div>
        <Field label={t('login.key')} error={error}>
          {(control) => (
            <Input
              {...control}
              type="password"
              autoComplete="off"
              spellCheck={false}
              dir="ltr"
              placeholder="sk-hone-…"
              required
              value={key}
              onChange={(event) => setKey(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" look="primary" disabled={checking}>
          {checking ? t('login.checking') : t('login.submit')}
        </Button>
        <div className={styles.muted}>
          <p>{t('login.help')}</p>
          <pre className={styles.code} dir="ltr">
            hone keys create --data-dir DIR
          </pre>
        </div>
      </form>
      <SettingsMenu />
    </main>
  );
}
