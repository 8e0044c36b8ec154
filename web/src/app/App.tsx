import { DirectionProvider } from '@radix-ui/react-direction';
import { QueryClientProvider } from '@tanstack/react-query';
import { useEffect } from 'react';

import { queryClient } from '@/api/query_client';
import { useSession } from '@/api/session';
import { forgetUploads } from '@/files/uploads';
import { forgetFeeds } from '@/fine_tuning/jobs';
import { LanguageProvider, useLanguage } from '@/i18n/language';
import { Notices } from '@/ui/Notices';

import { ErrorBoundary } from './ErrorBoundary';
import { Layout } from './Layout';
import { LoginPage } from './LoginPage';
import { Pages } from './Pages';

function SignedInOrLogin() {
  const { direction } = useLanguage();
  const { key } = useSession();
  // What one key could see is not shown to the next.
  useEffect(() => {
    if (key !== null) return;
    queryClient.clear();
    forgetFeeds();
    forgetUploads();
  }, [key]);
  return (
    <DirectionProvider dir={direction}>
      {key === null ? (
        <LoginPage />
      ) : (
        <Layout>
          <ErrorBoundary>
            <Pages />
          </ErrorBoundary>
        </Layout>
      )}
      <Notices />
    </DirectionProvider>
  );
}

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <LanguageProvider>
        <SignedInOrLogin />
      </LanguageProvider>
    </QueryClientProvider>
  );
}
