import 'uplot/dist/uPlot.min.css';

import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';

import { useLanguage } from '@/i18n/language';
import { useShownTheme } from '@/theme/theme';

import { tokenColor } from './color';
import { lowerBound, pickIndices } from './decimate';
import styles from './LineChart.module.css';

export interface Series {
  name: string;
  label: string;
  color: string; // a token: "--series-1"
  values: Float64Array; // NaN: none there
  dots: boolean; // few values, far apart
}

export type Range = readonly [number, number] | null;

interface LineChartProps {
  title: string;
  xLabel: string;
  xs: Float64Array;
  series: Series[];
  log: boolean;
  range: Range; // of x that is shown; null: all
  onRange: (range: Range) => void;
  mark?: { x: number; label: string } | undefined; // an upright line with a word to it
}

const HEIGHT = 220;
const SYNC = 'metrics';
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- uPlot declares the name, and exports none
const LOGARITHMIC = 3 as uPlot.Scale.Distr.Logarithmic;

function lastValue(values: Float64Array): number {
  for (let index = values.length - 1; index >= 0; index -= 1) {
    const value = values[index] ?? NaN;
    if (!Number.isNaN(value)) return value;
  }
  return NaN;
}

function dataFor({ xs, series, range, log }: LineChartProps, width: number): uPlot.AlignedData {
  const begin = range ? Math.max(0, lowerBound(xs, range[0]) - 1) : 0;
  const end = range ? Math.min(xs.length, lowerBound(xs, range[1]) + 2) : xs.length;
  const picked = pickIndices(
    series.map((one) => one.values),
    begin,
    end,
    Math.max(50, Math.round(width)),
  );
  const at = (values: Float64Array, index: number) => {
    const value = values[index] ?? NaN;
    return Number.isNaN(value) || (log && value <= 0) ? null : value;
  };
  return [
    picked.map((index) => xs[index] ?? 0),
    ...series.map(({ values }) => picked.map((index) => at(values, index))),
  ] as uPlot.AlignedData;
}

interface Handlers {
  mark: () => LineChartProps['mark'];
  onHover: (plot: uPlot) => void;
  onSelect: (from: number, to: number) => void;
  onReset: () => void;
}

function drawMark(plot: uPlot, mark: LineChartProps['mark'], font: string) {
  if (!mark) return;
  const { ctx, bbox } = plot;
  const x = Math.round(plot.valToPos(mark.x, 'x', true));
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  const scale = window.devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = tokenColor('--warn');
  ctx.lineWidth = scale;
  ctx.setLineDash([4 * scale, 4 * scale]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.font = font.replace(/^\d+px/, `${11 * scale}px`);
  const room = bbox.left + bbox.width - x;
  ctx.textAlign = room < ctx.measureText(mark.label).width + 12 * scale ? 'right' : 'left';
  ctx.textBaseline = 'top';
  ctx.fillText(mark.label, x + (ctx.textAlign === 'left' ? 6 : -6) * scale, bbox.top + 2 * scale);
  ctx.restore();
}

function optionsFor(
  props: LineChartProps,
  width: number,
  measure: (value: number) => string,
  handlers: Handlers,
): uPlot.Options {
  const muted = tokenColor('--text-muted');
  const grid = { stroke: tokenColor('--border'), width: 1 };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis: uPlot.Axis = { stroke: muted, grid, ticks: { show: false }, font, gap: 6 };
  const tick = (_: uPlot, splits: number[]) =>
    splits.map((value: number | null) => (value === null ? '' : measure(value)));
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: {
      sync: { key: SYNC, setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      bind: {
        dblclick: () => () => {
          handlers.onReset();
          return null;
        },
      },
    },
    scales: { x: { time: false }, y: props.log ? { distr: LOGARITHMIC } : {} },
    axes: [
      { ...axis, size: 28, space: 70, values: tick },
      { ...axis, size: 58, space: 36, values: tick },
    ],
    series: [
      {},
      ...props.series.map(({ color, dots }): uPlot.Series => ({
        stroke: tokenColor(color),
        width: 1.5,
        spanGaps: true,
        points: dots ? { show: true, size: 6, fill: tokenColor(color) } : { show: false },
      })),
    ],
    hooks: {
      draw: [(plot) => drawMark(plot, handlers.mark(), font)],
      setCursor: [handlers.onHover],
      setSelect: [
        (plot) => {
          const { left, width: wide } = plot.select;
          if (wide < 4) return;
          handlers.onSelect(plot.posToVal(left, 'x'), plot.posToVal(left + wide, 'x'));
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        },
      ],
    },
  };
}

function Legend(props: { series: Series[]; values: readonly number[]; step: string }) {
  const { format } = useLanguage();
  return (
    <ul className={styles.legend}>
      {props.step !== '' && <li className={styles.step}>{props.step}</li>}
      {props.series.map((one, index) => {
        const value = props.values[index] ?? NaN;
        return (
          <li key={one.name}>
            <svg viewBox="0 0 8 8" aria-hidden>
              <circle cx="4" cy="4" r="4" fill={`var(${one.color})`} />
            </svg>
            {one.label}
            <b>{Number.isNaN(value) ? '–' : format.measure(value)}</b>
          </li>
        );
      })}
    </ul>
  );
}

function useWidth(element: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watched = element.current;
    if (!watched) return undefined;
    const observer = new ResizeObserver(() => setWidth(Math.floor(watched.clientWidth)));
    observer.observe(watched);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

export function LineChart(props: LineChartProps) {
  const { t, format } = useLanguage();
  const theme = useShownTheme();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const width = useWidth(box);
  const [hover, setHover] = useState<{ step: number; values: number[] } | null>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const names = props.series.map((one) => one.name).join();

  // A new plot where its make changes; new data for the same one otherwise.
  useEffect(() => {
    if (!box.current || width === 0) return undefined;
    const made = new uPlot(
      optionsFor(latest.current, width, format.measure, {
        mark: () => latest.current.mark,
        onHover: ({ cursor: { idx }, data }) =>
          setHover(
            idx === null || idx === undefined
              ? null
              : {
                  step: data[0][idx] ?? 0,
                  values: data.slice(1).map((values) => values[idx] ?? NaN),
                },
          ),
        onSelect: (from, to) => latest.current.onRange([Math.floor(from), Math.ceil(to)]),
        onReset: () => latest.current.onRange(null),
      }),
      dataFor(latest.current, width),
      box.current,
    );
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [width, theme, names, props.log, format]);

  const data = useMemo(() => (width === 0 ? null : dataFor(props, width)), [props, width]);
  useEffect(() => {
    if (!data || !plot.current) return;
    plot.current.setData(data, false);
    const xs = data[0];
    const [min, max] = props.range ?? [xs[0] ?? 0, Math.max(xs.at(-1) ?? 1, (xs[0] ?? 0) + 1)];
    plot.current.setScale('x', { min, max });
  }, [data, props.range]);

  const values = hover?.values ?? props.series.map((one) => lastValue(one.values));
  const spoken = props.series
    .map((one) => `${one.label} ${format.measure(lastValue(one.values))}`)
    .join(', ');
  return (
    <figure className={styles.chart}>
      <figcaption className={styles.caption}>
        <h3>{props.title}</h3>
        <Legend
          series={props.series}
          values={values}
          step={hover ? `${props.xLabel} ${format.number(hover.step)}` : ''}
        />
      </figcaption>
      <div
        ref={box}
        dir="ltr"
        role="img"
        aria-label={t('metrics.chart', { title: props.title, values: spoken })}
      />
    </figure>
  );
}
