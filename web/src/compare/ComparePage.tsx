import { ChartSpline } from 'lucide-react';
import { useState } from 'react';
import { useLocation, useSearchParams } from 'wouter';

import { useJobs } from '@/fine_tuning/jobs';
import { JobStatus } from '@/fine_tuning/JobStatus';
import { useLanguage } from '@/i18n/language';
import { BackLink } from '@/ui/BackLink';
import { Button } from '@/ui/Button';
import { SearchInput } from '@/ui/Field';
import { useSettled } from '@/ui/settled';
import { ListPanel, SplitPage, splitStyles as styles } from '@/ui/SplitPage';
import { EmptyState, Failure, Loading } from '@/ui/State';
import { useTitle } from '@/ui/title';

import own from './ComparePage.module.css';
import { Comparison } from './Comparison';
import { MOST_RUNS, nameOf } from './runs';

// The chosen jobs stand in the address: a reload and a link show the same.
function useChosen() {
  const [parameters] = useSearchParams();
  const [, navigate] = useLocation();
  const chosen = [...new Set(parameters.getAll('job'))].slice(0, MOST_RUNS);
  const choose = (ids: readonly string[]) =>
    navigate(`/compare?${ids.map((id) => `job=${encodeURIComponent(id)}`).join('&')}`, {
      replace: true,
    });
  return { chosen, choose };
}

function RunList(props: { chosen: readonly string[]; choose: (ids: readonly string[]) => void }) {
  const { t, format } = useLanguage();
  const [search, setSearch] = useState('');
  const jobs = useJobs('all', useSettled(search));
  const { chosen, choose } = props;
  return (
    <ListPanel
      label={t('compare.list')}
      title={t('compare.title')}
      tools={
        <SearchInput
          label={t('jobs.search')}
          placeholder={t('jobs.searchHint')}
          value={search}
          onChange={setSearch}
        />
      }
    >
      {jobs.isPending && <Loading />}
      {jobs.isError && !jobs.data && (
        <Failure error={jobs.error} onRetry={() => void jobs.refetch()} />
      )}
      {jobs.data?.length === 0 && <p className={styles.none}>{t('jobs.noneFound')}</p>}
      <ul>
        {jobs.data?.map((job) => {
          const on = chosen.includes(job.id);
          return (
            <li key={job.id}>
              <label className={own.run}>
                <input
                  type="checkbox"
                  checked={on}
                  disabled={!on && chosen.length >= MOST_RUNS}
                  onChange={() =>
                    choose(on ? chosen.filter((id) => id !== job.id) : [...chosen, job.id])
                  }
                />
                <span className={own.what}>
                  <span className={styles.line}>
                    <bdi className={styles.name}>{nameOf(job)}</bdi>
                    <span className={styles.aside}>{format.ago(job.created_at)}</span>
                  </span>
                  <span className={styles.line}>
                    <bdi className={styles.id}>{job.id}</bdi>
                    <JobStatus job={job} />
                  </span>
                </span>
              </label>
            </li>
          );
        })}
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

export default function ComparePage() {
  const { t } = useLanguage();
  useTitle(t('compare.title'));
  const { chosen, choose } = useChosen();
  const enough = chosen.length >= 2;
  return (
    <SplitPage list={<RunList chosen={chosen} choose={choose} />} chosen={enough}>
      {enough ? (
        <article className={styles.article}>
          <BackLink narrow href="/compare">
            {t('compare.back')}
          </BackLink>
          <Comparison key={chosen.join()} ids={chosen} />
        </article>
      ) : (
        <EmptyState icon={<ChartSpline aria-hidden />} title={t('compare.empty.title')}>
          <p>{t('compare.empty.text', { count: MOST_RUNS })}</p>
        </EmptyState>
      )}
    </SplitPage>
  );
}
