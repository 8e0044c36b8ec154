import { Download } from 'lucide-react';
import { useMemo, useRef, useState, type RefObject } from 'react';

import { LineChart, type Range, type Series } from '@/charts/LineChart';
import { tokenColor } from '@/charts/color';
import { smooth } from '@/charts/smooth';
import { saveBlob } from '@/files/save';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Input } from '@/ui/Field';

import type { Columns } from './columns';
import { chartsPicture, metricsCsv } from './export_metrics';
import { chartsOf } from './metric_charts';
import styles from './MetricsPanel.module.css';
import { overfittingStep } from './overfitting';

const MOST_SMOOTHING = 0.99;
// A series with a value at fewer than so many of the steps is drawn with dots.
const DENSE = 0.5;

function isSparse(values: Float64Array): boolean {
  let there = 0;
  for (const value of values) if (!Number.isNaN(value)) there += 1;
  return there < values.length * DENSE || values.length === 1;
}

// Both buttons save what is on the screen's side of the network: nothing is asked of the server.
function ExportButtons(props: {
  name: string;
  columns: Columns;
  panel: RefObject<HTMLElement | null>;
}) {
  const { t } = useLanguage();
  const savePicture = async () => {
    const figures = [...(props.panel.current?.querySelectorAll('figure') ?? [])];
    const charts = figures.flatMap((figure) => {
      const canvas = figure.querySelector('canvas');
      return canvas ? [{ title: figure.querySelector('h3')?.textContent ?? '', canvas }] : [];
    });
    const picture = await chartsPicture(charts, {
      ground: tokenColor('--surface'),
      text: tokenColor('--text'),
      font: getComputedStyle(document.body).fontFamily,
    });
    if (picture) saveBlob(picture, `${props.name}.png`);
  };
  const saveTable = () =>
    saveBlob(new Blob([metricsCsv(props.columns)], { type: 'text/csv' }), `${props.name}.csv`);
  const kinds = { csv: saveTable, png: () => void savePicture() } as const;
  return (
    <span className={styles.export}>
      {(['csv', 'png'] as const).map((kind) => (
        <Button
          key={kind}
          look="quiet"
          aria-label={t('metrics.export', { kind: t(`metrics.export.${kind}`) })}
          onClick={kinds[kind]}
        >
          <Download aria-hidden />
          {t(`metrics.export.${kind}`)}
        </Button>
      ))}
    </span>
  );
}

// Which steps are shown, for who does not drag with a mouse.
function StepRange(props: { steps: Float64Array; range: Range; onRange: (range: Range) => void }) {
  const { t } = useLanguage();
  const [first, last] = [props.steps[0] ?? 0, props.steps.at(-1) ?? 0];
  const [from, to] = props.range ?? [first, last];
  const field = (label: string, value: number, change: (value: number) => Range) => (
    <Input
      type="number"
      className={styles.step}
      aria-label={label}
      min={first}
      max={last}
      value={value}
      onChange={({ target: { valueAsNumber } }) => {
        const next = change(valueAsNumber);
        if (next && next[0] < next[1]) props.onRange(next);
      }}
    />
  );
  return (
    <span className={styles.range} title={t('metrics.hint')}>
      {t('metrics.steps')}
      {field(t('metrics.from'), from, (value) => [value, to])}–
      {field(t('metrics.to'), to, (value) => [from, value])}
      {props.range && <Button onClick={() => props.onRange(null)}>{t('metrics.reset')}</Button>}
    </span>
  );
}

// `columns` grows in place; `version` says that it did. `name` is for files that are saved.
export function MetricsPanel(props: { columns: Columns; version: number; name: string }) {
  const { columns, version } = props;
  const panel = useRef<HTMLElement>(null);
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
  const overfitting = useMemo(
    () => overfittingStep(columns.x(), columns.values('full_valid_loss')),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- as above
    [columns, version],
  );
  if (columns.length === 0) return <p className={styles.none}>{t('metrics.none')}</p>;
  return (
    <section ref={panel} aria-label={t('metrics.title')}>
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
        <StepRange steps={columns.x()} range={range} onRange={setRange} />
        <ExportButtons name={props.name} columns={columns} panel={panel} />
      </div>
      {overfitting !== null && (
        <p className={styles.note}>{t('metrics.overfitting.note', { step: overfitting })}</p>
      )}
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
            mark={
              overfitting !== null && chart.title === 'metrics.loss'
                ? { x: overfitting, label: t('metrics.overfitting') }
                : undefined
            }
            onRange={setRange}
          />
        ))}
      </div>
    </section>
  );
}
