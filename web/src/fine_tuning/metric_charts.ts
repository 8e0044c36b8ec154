// Which figures of a run share a chart, under which names and in which colours.
import type { MessageKey } from '@/i18n/catalogue';

export interface ChartSeries {
  name: string; // of the column
  label: MessageKey;
  color: string;
}

export interface MetricChart {
  title: MessageKey;
  canLog: boolean;
  series: ChartSeries[];
}

const TRAIN = { label: 'metrics.series.train', color: '--series-1' } as const;
const VALID = { label: 'metrics.series.valid', color: '--series-3' } as const;
const FULL_VALID = { label: 'metrics.series.fullValid', color: '--series-2' } as const;

const CHARTS: MetricChart[] = [
  {
    title: 'metrics.loss',
    canLog: true,
    series: [
      { name: 'train_loss', ...TRAIN },
      { name: 'valid_loss', ...VALID },
      { name: 'full_valid_loss', ...FULL_VALID },
    ],
  },
  {
    title: 'metrics.accuracy',
    canLog: false,
    series: [
      { name: 'train_mean_token_accuracy', ...TRAIN },
      { name: 'valid_mean_token_accuracy', ...VALID },
      { name: 'full_valid_mean_token_accuracy', ...FULL_VALID },
    ],
  },
  {
    title: 'metrics.learning_rate',
    canLog: true,
    series: [{ name: 'learning_rate', label: 'metrics.learning_rate', color: '--series-5' }],
  },
  {
    title: 'metrics.grad_norm',
    canLog: true,
    series: [{ name: 'grad_norm', label: 'metrics.grad_norm', color: '--series-4' }],
  },
  {
    title: 'metrics.tokens_per_second',
    canLog: false,
    series: [
      { name: 'tokens_per_second', label: 'metrics.tokens_per_second', color: '--series-6' },
    ],
  },
];

// The charts that there is something for, each with the series that there are.
export function chartsOf(names: readonly string[]): MetricChart[] {
  return CHARTS.map((chart) => ({
    ...chart,
    series: chart.series.filter(({ name }) => names.includes(name)),
  })).filter((chart) => chart.series.length > 0);
}
