import type { CreateJob } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { CodeSamples } from '@/ui/CodeSamples';

import { codeFor, codeKinds } from './code_examples';
import styles from './CreateJob.module.css';

export function CodeExamples({ request, command }: { request: CreateJob; command: string }) {
  const { t } = useLanguage();
  return (
    <section className={styles.card} aria-label={t('code.title')}>
      <h3>{t('code.title')}</h3>
      <CodeSamples
        label={t('code.title')}
        samples={codeKinds.map((kind) => ({
          name: kind,
          code: codeFor(kind, request, window.location.origin, command),
          missing: t('code.command_unknown'),
        }))}
      />
    </section>
  );
}
