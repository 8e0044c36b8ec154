import { Component, type ReactNode } from 'react';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { EmptyState } from '@/ui/State';

function Broken() {
  const { t } = useLanguage();
  return (
    <EmptyState title={t('error.page')}>
      <Button onClick={() => window.location.reload()}>{t('error.reload')}</Button>
    </EmptyState>
  );
}

// A page that throws leaves the rest of the window alone.
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };
  static getDerivedStateFromError() {
    return { broken: true };
  }
  override render() {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}
