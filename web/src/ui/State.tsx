import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

import { ApiError, describeError } from '@/api/error';
import { useLanguage } from '@/i18n/language';

import { Button } from './Button';
import styles from './State.module.css';

// What stands in place of something that is not there: what to do about it, or that it comes.
export function EmptyState(props: {
  icon?: ReactNode;
  title: string;
  heading?: 'h1' | 'h2';
  children?: ReactNode;
}) {
  const Heading = props.heading ?? 'h2';
  return (
    <div className={styles.state}>
      {props.icon}
      <Heading>{props.title}</Heading>
      {props.children}
    </div>
  );
}

export function Loading() {
  const { t } = useLanguage();
  return (
    <p className={styles.loading} role="status">
      {t('state.loading')}
    </p>
  );
}

export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useLanguage();
  const request = error instanceof ApiError ? error.requestId : null;
  return (
    <div className={styles.state} role="alert">
      <CircleAlert aria-hidden />
      <p>{describeError(error, t)}</p>
      {request && <p className={styles.request}>{t('error.request', { id: request })}</p>}
      {onRetry && <Button onClick={onRetry}>{t('action.retry')}</Button>}
    </div>
  );
}
