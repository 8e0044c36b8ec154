import type { ReactNode } from 'react';

import { useLanguage } from '@/i18n/language';
import { BackLink } from '@/ui/BackLink';
import { Button } from '@/ui/Button';
import { Failure, Loading } from '@/ui/State';
import { useTitle } from '@/ui/title';

import { isForbidden } from './system';
import styles from './SystemPage.module.css';

interface List<T> {
  data: T[] | undefined;
  error: Error | null;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
  refetch: () => unknown;
}

// A page below the system's that is a list: what it is about, an action, and the list, or why there
// is none.
export function AdminPage<T>(props: {
  title: string;
  text: string;
  none: string;
  action?: ReactNode;
  list: List<T>;
  children: (items: readonly T[]) => ReactNode;
}) {
  const { t } = useLanguage();
  const { list } = props;
  useTitle(props.title);
  return (
    <div className={styles.page}>
      <header className={styles.top}>
        <BackLink href="/system">{t('nav.system')}</BackLink>
        <div className={styles.heading}>
          <h1 id="admin-title">{props.title}</h1>
          {list.data && props.action}
        </div>
        <p className={styles.muted}>{props.text}</p>
      </header>
      {!list.data && !list.error && <Loading />}
      {isForbidden(list.error) && <p className={styles.none}>{t('admin.forbidden')}</p>}
      {list.error && !list.data && !isForbidden(list.error) && (
        <Failure error={list.error} onRetry={() => void list.refetch()} />
      )}
      {list.data?.length === 0 && <p className={styles.none}>{props.none}</p>}
      {list.data && list.data.length > 0 && props.children(list.data)}
      {list.hasNextPage && (
        <Button
          className={styles.more}
          disabled={list.isFetchingNextPage}
          onClick={() => void list.fetchNextPage()}
        >
          {t('action.loadMore')}
        </Button>
      )}
    </div>
  );
}
