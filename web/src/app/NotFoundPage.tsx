import { Link } from 'wouter';

import { useLanguage } from '@/i18n/language';
import { EmptyState } from '@/ui/State';
import { useTitle } from '@/ui/title';

export function NotFoundPage() {
  const { t } = useLanguage();
  useTitle(t('notFound.title'));
  return (
    <EmptyState heading="h1" title={t('notFound.title')}>
      <Link href="/fine-tuning">{t('notFound.back')}</Link>
    </EmptyState>
  );
}
