import * as Tabs from '@radix-ui/react-tabs';

import type { Job } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { BackLink } from '@/ui/BackLink';
import { splitStyles as styles } from '@/ui/SplitPage';
import { Failure, Loading } from '@/ui/State';
import tabs from '@/ui/Tabs.module.css';
import { useTitle } from '@/ui/title';

import { JobActions } from './JobActions';
import { JobCheckpoints } from './JobCheckpoints';
import { JobError } from './JobError';
import { JobFacts } from './JobFacts';
import { JobFiles } from './JobFiles';
import { JobProgress } from './JobProgress';
import { JobStatus } from './JobStatus';
import { useJob, useJobFeed } from './jobs';
import { MessagesPanel } from './MessagesPanel';
import { MetricsPanel } from './MetricsPanel';

function Panels({ job }: { job: Job }) {
  const { t, direction } = useLanguage();
  const { feed, version } = useJobFeed(job.id);
  return (
    <Tabs.Root defaultValue={job.status === 'failed' ? 'messages' : 'metrics'} dir={direction}>
      <div className={tabs.bar}>
        <Tabs.List className={tabs.list} aria-label={t('job.details')}>
          <Tabs.Trigger className={tabs.tab} value="metrics">
            {t('metrics.title')}
          </Tabs.Trigger>
          <Tabs.Trigger className={tabs.tab} value="messages">
            {t('messages.title')}
          </Tabs.Trigger>
        </Tabs.List>
        <span className={tabs.aside} role="status">
          {feed.state !== 'gone' && t(feedLabel(feed.state))}
        </span>
      </div>
      <Tabs.Content value="metrics" className={tabs.content}>
        <MetricsPanel columns={feed.columns} version={version} name={job.id} />
      </Tabs.Content>
      <Tabs.Content value="messages" className={tabs.content}>
        <MessagesPanel events={feed.events} version={version} />
      </Tabs.Content>
    </Tabs.Root>
  );
}

const feedLabel = (state: 'connecting' | 'live' | 'reconnecting' | 'ended') =>
  `state.${state}` as const;

export function JobDetails({ id }: { id: string }) {
  const { t } = useLanguage();
  const { data: job, error, refetch } = useJob(id);
  const name = job?.fine_tuned_model ?? job?.user_provided_suffix ?? job?.model ?? id;
  useTitle(name);
  if (!job) return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Loading />;
  return (
    <article className={styles.article}>
      <BackLink narrow href="/fine-tuning">
        {t('jobs.back')}
      </BackLink>
      <header className={styles.heading}>
        <div className={styles.title}>
          <h2>
            <bdi>{name}</bdi>
          </h2>
          <JobStatus job={job} />
        </div>
        <JobActions job={job} />
      </header>
      <JobProgress job={job} />
      {job.error && <JobError job={job} />}
      <JobFacts job={job} />
      <Panels job={job} />
      <JobCheckpoints job={job} />
      <JobFiles job={job} />
    </article>
  );
}
