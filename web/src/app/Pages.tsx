// Which page an address shows. A page that is not needed at first is loaded when it is opened.
import { lazy, Suspense } from 'react';
import { Redirect, Route, Switch } from 'wouter';

import { Loading } from '@/ui/State';

import { NotFoundPage } from './NotFoundPage';

const FilesPage = lazy(() => import('@/files/FilesPage'));
const FineTuningPage = lazy(() => import('@/fine_tuning/FineTuningPage'));
const ModelsPage = lazy(() => import('@/models/ModelsPage'));
const ComparePage = lazy(() => import('@/compare/ComparePage'));
const SystemPage = lazy(() => import('@/system/SystemPage'));
const WebhooksPage = lazy(() => import('@/system/WebhooksPage'));
const AuditPage = lazy(() => import('@/system/AuditPage'));
const PlaygroundPage = lazy(() => import('@/playground/PlaygroundPage'));

export function Pages() {
  return (
    <Suspense fallback={<Loading />}>
      <Switch>
        <Route path="/">
          <Redirect to="/fine-tuning" replace />
        </Route>
        <Route path="/fine-tuning/:job?">{({ job }) => <FineTuningPage jobId={job} />}</Route>
        <Route path="/playground">
          <PlaygroundPage />
        </Route>
        <Route path="/files/:file?">{({ file }) => <FilesPage fileId={file} />}</Route>
        <Route path="/models/:model?">{({ model }) => <ModelsPage modelId={model} />}</Route>
        <Route path="/compare">
          <ComparePage />
        </Route>
        <Route path="/system">
          <SystemPage />
        </Route>
        <Route path="/system/webhooks">
          <WebhooksPage />
        </Route>
        <Route path="/system/audit">
          <AuditPage />
        </Route>
        <Route>
          <NotFoundPage />
        </Route>
      </Switch>
    </Suspense>
  );
}
