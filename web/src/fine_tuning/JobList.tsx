import { Plus } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { SearchInput, Select } from '@/ui/Field';
import { ListPanel, splitStyles as styles } from '@/ui/SplitPage';
import { EmptyState, Failure, Loading } from '@/ui/State';

import { filterJobs, jobFilters, type JobFilter } from './job_filter';
import { JobListItem } from './JobListItem';
import { useJobs } from './jobs';

const ENOUGH = 20; // jobs, for the first look at a search

function CreateButton() {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  return (
    <Button look="primary" onClick={() => navigate('/fine-tuning/new')}>
      <Plus aria-hidden />
      {t('jobs.create')}
    </Button>
  );
}

// Reads on in the list until enough of it fits.
function useEnough(jobs: ReturnType<typeof useJobs>, enough: boolean) {
  const { hasNextPage, isFetching, fetchNextPage } = jobs;
  useEffect(() => {
    if (!enough && hasNextPage && !isFetching) void fetchNextPage();
  }, [enough, hasNextPage, isFetching, fetchNextPage]);
}

export function JobList({ chosen }: { chosen: string | undefined }) {
  const { t } = useLanguage();
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState<JobFilter>('all');
  const jobs = useJobs();
  const shown = filterJobs(jobs.data ?? [], filter, search);
  useEnough(jobs, (filter === 'all' && search === '') || shown.length >= ENOUGH);
  return (
    <ListPanel
      label={t('jobs.list')}
      title={t('jobs.title')}
      action={<CreateButton />}
      tools={
        <>
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
        </>
      }
    >
      {jobs.isPending && <Loading />}
      {jobs.isError && !jobs.data && (
        <Failure error={jobs.error} onRetry={() => void jobs.refetch()} />
      )}
      {jobs.data?.length === 0 && (
        <EmptyState title={t('jobs.empty.title')}>
          <p>{t('jobs.empty.text')}</p>
        </EmptyState>
      )}
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
    </ListPanel>
  );
}
