import { useState } from 'react';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { SearchInput, Select } from '@/ui/Field';
import { EmptyState, Failure, Loading } from '@/ui/State';

import { filterJobs, jobFilters, type JobFilter } from './job_filter';
import styles from './JobList.module.css';
import { JobListItem } from './JobListItem';
import { useJobs } from './jobs';

const FIRST_STEP = `curl ${window.location.origin}/v1/files \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -F purpose=fine-tune -F file=@train.jsonl
curl ${window.location.origin}/v1/fine_tuning/jobs \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "gpt-4o-mini", "training_file": "file-…"}'`;

function FirstStep() {
  const { t } = useLanguage();
  return (
    <EmptyState title={t('jobs.empty.title')}>
      <p>{t('jobs.empty.text')}</p>
      <pre>{FIRST_STEP}</pre>
    </EmptyState>
  );
}

export function JobList({ chosen }: { chosen: string | undefined }) {
  const { t } = useLanguage();
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState<JobFilter>('all');
  const jobs = useJobs();
  const shown = filterJobs(jobs.data ?? [], filter, search);
  return (
    <section className={styles.panel} aria-label={t('jobs.list')}>
      <header className={styles.header}>
        <h1>{t('jobs.title')}</h1>
      </header>
      <div className={styles.tools}>
        <SearchInput
          label={t('jobs.search')}
          placeholder={t('jobs.searchHint')}
          value={search}
          onChange={setSearch}
        />
        <Select
          aria-label={t('jobs.filter')}
          value={filter}
          onChange={(event) => setFilter(event.target.value as JobFilter)}
        >
          {jobFilters.map((one) => (
            <option key={one} value={one}>
              {t(`jobs.filter.${one}`)}
            </option>
          ))}
        </Select>
      </div>
      <div className={styles.scroll}>
        {jobs.isPending && <Loading />}
        {jobs.isError && !jobs.data && (
          <Failure error={jobs.error} onRetry={() => void jobs.refetch()} />
        )}
        {jobs.data?.length === 0 && <FirstStep />}
        {jobs.data && jobs.data.length > 0 && shown.length === 0 && (
          <p className={styles.none}>{t('jobs.noneFound')}</p>
        )}
        <ul>
          {shown.map((job) => (
            <JobListItem key={job.id} job={job} chosen={job.id === chosen} />
          ))}
        </ul>
        {jobs.hasNextPage && (
          <Button
            className={styles.more}
            disabled={jobs.isFetchingNextPage}
            onClick={() => void jobs.fetchNextPage()}
          >
            {t('action.loadMore')}
          </Button>
        )}
      </div>
    </section>
  );
}
