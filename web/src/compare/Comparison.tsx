import { useMemo, useState } from 'react';

import type { Job } from '@/api/types';
import { LineChart, type Range, type Series } from '@/charts/LineChart';
import { smooth } from '@/charts/smooth';
import type { Columns } from '@/fine_tuning/columns';
import { useJobFeeds, useJobsById } from '@/fine_tuning/jobs';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Failure, Loading } from '@/ui/State';

import styles from './Comparison.module.css';
import { DifferenceTable } from './DifferenceTable';
import { rowsOf } from './rows';
import { mergeRuns, nameOf } from './runs';

const CHARTS = [
  ['compare.trainLoss', 'train_loss', true],
  ['compare.validLoss', 'full_valid_loss', true],
  ['compare.trainAccuracy', 'train_mean_token_accuracy', false],
  ['compare.validAccuracy', 'full_valid_mean_token_accuracy', false],
  ['metrics.learning_rate', 'learning_rate', false],
  ['metrics.grad_norm', 'grad_norm', true],
] as const;

const SPARSE = 64; // a run with fewer values than this is drawn with dots

function useCharts(
  jobs: readonly Job[],
  runs: readonly Columns[],
  version: number,
  weight: number,
) {
  return useMemo(
    () =>
      CHARTS.map(([title, column, canLog]) => {
        const { xs, series } = mergeRuns(runs, column);
        return {
          title,
          canLog,
          xs,
          series: series
            .map((values, index): Series => {
              const there = values.filter((value) => !Number.isNaN(value)).length;
              return {
                name: jobs[index]?.id ?? String(index),
                label: jobs[index] ? nameOf(jobs[index]) : '',
                color: `--series-${index + 1}`,
                dots: there < SPARSE,
                values: there < SPARSE ? values : smooth(values, weight),
              };
            })
            .filter(({ values }) => values.some((value) => !Number.isNaN(value))),
        };
      }).filter((chart) => chart.series.length > 0),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `runs` grow in place; `version` says that they did
    [jobs, runs, version, weight],
  );
}

function Curves(props: { jobs: readonly Job[]; runs: readonly Columns[]; version: number }) {
  const { t } = useLanguage();
  const [weight, setWeight] = useState(0);
  const [log, setLog] = useState(false);
  const [range, setRange] = useState<Range>(null);
  const charts = useCharts(props.jobs, props.runs, props.version, weight);
  if (charts.length === 0) return <p className={styles.none}>{t('metrics.none')}</p>;
  return (
    <section aria-labelledby="compare-curves">
      <h2 id="compare-curves" className="visually-hidden">
        {t('metrics.title')}
      </h2>
      <div className={styles.tools}>
        <label>
          {t('metrics.smoothing')}
          <input
            type="range"
            min={0}
            max={0.99}
            step={0.01}
            value={weight}
            onChange={(event) => setWeight(Number(event.target.value))}
          />
        </label>
        <label>
          <input type="checkbox" checked={log} onChange={(event) => setLog(event.target.checked)} />
          {t('metrics.log')}
        </label>
        {range && <Button onClick={() => setRange(null)}>{t('metrics.reset')}</Button>}
      </div>
      <div className={styles.charts}>
        {charts.map((chart) => (
          <LineChart
            key={chart.title}
            title={t(chart.title)}
            xLabel={t('metrics.step')}
            xs={chart.xs}
            series={chart.series}
            log={log && chart.canLog}
            range={range}
            onRange={setRange}
          />
        ))}
      </div>
    </section>
  );
}

export function Comparison({ ids }: { ids: readonly string[] }) {
  const { t } = useLanguage();
  const { jobs, error } = useJobsById(ids);
  const { runs, version } = useJobFeeds(ids);
  const rows = useMemo(
    () => rowsOf(jobs, runs),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `runs` grow in place; `version` says that they did
    [jobs, runs, version],
  );
  if (error) return <Failure error={error} />;
  if (jobs.length < ids.length) return <Loading />;
  return (
    <>
      <h1 className={styles.title}>{t('compare.runs', { count: ids.length })}</h1>
      <Curves jobs={jobs} runs={runs} version={version} />
      <DifferenceTable jobs={jobs} rows={rows} />
    </>
  );
}
