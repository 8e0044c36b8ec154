import * as Tabs from '@radix-ui/react-tabs';

import type { CreateJob } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { CopyButton } from '@/ui/CopyButton';
import tabs from '@/ui/Tabs.module.css';

import { codeFor, codeKinds } from './code_examples';
import styles from './CreateJob.module.css';

export function CodeExamples({ request, command }: { request: CreateJob; command: string }) {
  const { t, direction } = useLanguage();
  return (
    <section className={styles.card} aria-label={t('code.title')}>
      <h3>{t('code.title')}</h3>
      <Tabs.Root defaultValue={codeKinds[0]} dir={direction}>
        <Tabs.List className={tabs.list} aria-label={t('code.title')}>
          {codeKinds.map((kind) => (
            <Tabs.Trigger key={kind} value={kind} className={tabs.tab}>
              {kind}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {codeKinds.map((kind) => {
          const look = kind === 'hone' ? styles.wrapped : undefined;
          const code = codeFor(kind, request, window.location.origin, command);
          return (
            <Tabs.Content key={kind} value={kind} className={styles.code}>
              {code === '' ? (
                <p>{t('code.command_unknown')}</p>
              ) : (
                <>
                  {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must take the keyboard */}
                  <pre className={look} dir="ltr" tabIndex={0}>
                    {code}
                  </pre>
                  <CopyButton text={code} label={kind} />
                </>
              )}
            </Tabs.Content>
          );
        })}
      </Tabs.Root>
    </section>
  );
}
