import { useMemo, useState } from 'react';

import { LineChart, type Range, type Series } from '@/charts/LineChart';
import { smooth } from '@/charts/smooth';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';

import type { Columns } from './columns';
import { chartsOf } from './metric_charts';
import styles from './MetricsPanel.module.css';

const MOST_SMOOTHING = 0.99;
// A series with a value at fewer than so many of the steps is drawn with dots.
const DENSE = 0.5;

function isSparse(values: Float64Array): boolean {
  let there = 0;
  for (const value of values) if (!Number.isNaN(value)) there += 1;
  return there < values.length * DENSE || values.length === 1;
}

// `columns` grows in place; `version` says that it did.
export function MetricsPanel({ columns, version }: { columns: Columns; version: number }) {
  const { t } = useLanguage();
  const [smoothing, setSmoothing] = useState(0);
  const [log, setLog] = useState(false);
  const [range, setRange] = useState<Range>(null);
  const charts = useMemo(
    () =>
      chartsOf(columns.names()).map((chart) => ({
        ...chart,
        xs: columns.x(),
        series: chart.series.map(({ name, label, color }): Series => {
          const values = columns.values(name);
          const dots = isSparse(values);
          return {
            name,
            label: t(label),
            color,
            dots,
            values: dots ? values : smooth(values, smoothing),
          };
        }),
      })),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `columns` is the same object at every version
    [columns, version, smoothing, t],
  );
  if (columns.length === 0) return <p className={styles.none}>{t('metrics.none')}</p>;
  return (
    <section aria-label={t('metrics.title')}>
      <div className={styles.tools}>
        <label className={styles.slider}>
          {t('metrics.smoothing')}
          <input
            type="range"
            min={0}
            max={MOST_SMOOTHING}
            step={0.01}
            value={smoothing}
            onChange={(event) => setSmoothing(Number(event.target.value))}
          />
        </label>
        <label className={styles.check}>
          <input type="checkbox" checked={log} onChange={(event) => setLog(event.target.checked)} />
          {t('metrics.log')}
        </label>
        {range ? (
          <Button onClick={() => setRange(null)}>{t('metrics.reset')}</Button>
        ) : (
          <span className={styles.hint}>{t('metrics.hint')}</span>
        )}
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
