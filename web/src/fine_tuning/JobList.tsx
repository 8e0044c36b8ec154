import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { SearchInput, Select } from '@/ui/Field';
import { ListPanel, splitStyles as styles } from '@/ui/SplitPage';
import { useSettled } from '@/ui/settled';
import { EmptyState, Failure, Loading } from '@/ui/State';

import { JobListItem } from './JobListItem';
import { jobFilters, useJobs, type JobFilter } from './jobs';

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

export function JobList({ chosen }: { chosen: string | undefined }) {
  const { t } = useLanguage();
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState<JobFilter>('all');
  const jobs = useJobs(filter, useSettled(search));
  const everything = filter === 'all' && search.trim() === '';
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
      {everything && jobs.data?.length === 0 && (
        <EmptyState title={t('jobs.empty.title')}>
          <p>{t('jobs.empty.text')}</p>
        </EmptyState>
      )}
      {!everything && jobs.data?.length === 0 && (
        <p className={styles.none}>{t('jobs.noneFound')}</p>
      )}
      <ul>
        {jobs.data?.map((job) => (
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
