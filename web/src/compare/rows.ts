import type { Job } from '@/api/types';
import type { Columns } from '@/fine_tuning/columns';
import type { MessageKey } from '@/i18n/catalogue';

import { summaryOf, type Row } from './runs';

type Cell = string | number | null;
type Line = [label: MessageKey, cell: (job: Job) => Cell];

const SETTINGS: Line[] = [
  ['job.status', (job) => job.status],
  ['job.base', (job) => job.model],
  ['job.method', (job) => job.method?.type ?? 'supervised'],
  ['job.file.training', (job) => job.training_file],
  ['job.file.validation', (job) => job.validation_file],
  ['job.epochs', (job) => job.hyperparameters.n_epochs ?? null],
  ['job.batchSize', (job) => job.hyperparameters.batch_size ?? null],
  ['job.multiplier', (job) => job.hyperparameters.learning_rate_multiplier ?? null],
  ['job.beta', (job) => job.hyperparameters.beta ?? null],
  ['job.seed', (job) => String(job.seed)],
  ['job.trainedTokens', (job) => job.trained_tokens],
];

type Part = 'last' | 'least' | 'greatest';
type Figure = [label: MessageKey, column: string, part: Part, best: 'least' | 'greatest'];

const FIGURES: Figure[] = [
  ['compare.trainLoss', 'train_loss', 'last', 'least'],
  ['compare.validLoss', 'full_valid_loss', 'last', 'least'],
  ['compare.bestValidLoss', 'full_valid_loss', 'least', 'least'],
  ['compare.trainAccuracy', 'train_mean_token_accuracy', 'last', 'greatest'],
  ['compare.validAccuracy', 'full_valid_mean_token_accuracy', 'last', 'greatest'],
  ['compare.rate', 'tokens_per_second', 'last', 'greatest'],
];

// What the runs were told, what came of them, without lines in which there is nothing.
export function rowsOf(jobs: readonly Job[], runs: readonly Columns[]): Row<MessageKey>[] {
  const settings = SETTINGS.map(([label, cell]): Row<MessageKey> => ({
    label,
    cells: jobs.map(cell),
  }));
  const duration: Row<MessageKey> = {
    label: 'job.duration',
    cells: jobs.map((job) => (job.finished_at ? job.finished_at - job.created_at : null)),
  };
  const figures = FIGURES.map(([label, column, part, best]): Row<MessageKey> => ({
    label,
    best,
    cells: runs.map((run) => summaryOf(run.values(column))?.[part] ?? null),
  }));
  return [...settings, duration, ...figures].filter((row) =>
    row.cells.some((cell) => cell !== null),
  );
}
