// What the form of a new job holds: texts as they were typed, until they make a request.
import type { CreateJob, Hyperparameters, Job, MethodName } from '@/api/types';
import type { MessageKey } from '@/i18n/catalogue';
import type { Parameters } from '@/i18n/message';

export interface JobDraft {
  model: string;
  method: MethodName;
  trainingFile: string;
  validationFile: string;
  suffix: string;
  seed: string;
  epochs: string; // empty: auto, as the next three
  batchSize: string;
  multiplier: string;
  beta: string;
  metadata: [string, string][];
}

export const emptyDraft: JobDraft = {
  model: '',
  method: 'supervised',
  trainingFile: '',
  validationFile: '',
  suffix: '',
  seed: '',
  epochs: '',
  batchSize: '',
  multiplier: '',
  beta: '',
  metadata: [],
};

const text = (value: number | 'auto' | undefined) =>
  typeof value === 'number' ? String(value) : '';

// A job again, to be changed.
export function draftOf(job: Job): JobDraft {
  const given = job.hyperparameters;
  return {
    model: job.model,
    method: job.method?.type ?? 'supervised',
    trainingFile: job.training_file,
    validationFile: job.validation_file ?? '',
    suffix: job.user_provided_suffix ?? '',
    seed: String(job.seed),
    epochs: text(given.n_epochs),
    batchSize: text(given.batch_size),
    multiplier: text(given.learning_rate_multiplier),
    beta: text(given.beta),
    metadata: Object.entries(job.metadata ?? {}),
  };
}

export type DraftField = Exclude<keyof JobDraft, 'method' | 'metadata'>;
export type Problem = readonly [MessageKey, Parameters?];
export type Problems = Partial<Record<DraftField, Problem>>;

const LONGEST_SUFFIX = 64;
const LARGEST_SEED = 2 ** 31 - 1;

function integer(value: string, least: number, most: number): Problem | null {
  if (value.trim() === '') return null;
  const number = Number(value);
  const good = Number.isInteger(number) && number >= least && number <= most;
  return good ? null : ['create.wrong.integer', { least, most }];
}

function above(value: string, least: number, most = Infinity): Problem | null {
  if (value.trim() === '') return null;
  const number = Number(value);
  if (number > least && number <= most && number !== Infinity) return null;
  return most === Infinity
    ? ['create.wrong.number', { least }]
    : ['create.wrong.range', { least, most }];
}

function suffixProblem(suffix: string): Problem | null {
  if (Array.from(suffix).length > LONGEST_SUFFIX)
    return ['create.wrong.length', { most: LONGEST_SUFFIX }];
  return /[:/?#%\\]/.test(suffix) ? ['create.wrong.characters'] : null;
}

// What is wrong with it, before the server is asked.
export function problemsOf(draft: JobDraft): Problems {
  const all: Record<DraftField, Problem | null> = {
    model: draft.model === '' ? ['create.wrong.needed'] : null,
    trainingFile: draft.trainingFile === '' ? ['create.wrong.needed'] : null,
    validationFile: null,
    suffix: suffixProblem(draft.suffix),
    seed: integer(draft.seed, 0, LARGEST_SEED),
    epochs: integer(draft.epochs, 1, 50),
    batchSize: integer(draft.batchSize, 1, 256),
    multiplier: above(draft.multiplier, 0),
    beta: draft.method === 'dpo' ? above(draft.beta, 0, 2) : null,
  };
  return Object.fromEntries(Object.entries(all).filter(([, problem]) => problem !== null));
}

// The field that the server's "param" means.
export function fieldOf(param: string | null): DraftField | null {
  const name = param?.split('.').at(-1);
  const fields: Record<string, DraftField> = {
    model: 'model',
    training_file: 'trainingFile',
    validation_file: 'validationFile',
    suffix: 'suffix',
    seed: 'seed',
    n_epochs: 'epochs',
    batch_size: 'batchSize',
    learning_rate_multiplier: 'multiplier',
    beta: 'beta',
  };
  return (name !== undefined && fields[name]) || null;
}

export function requestOf(draft: JobDraft): CreateJob {
  const given: Hyperparameters = {};
  if (draft.epochs !== '') given.n_epochs = Number(draft.epochs);
  if (draft.batchSize !== '') given.batch_size = Number(draft.batchSize);
  if (draft.multiplier !== '') given.learning_rate_multiplier = Number(draft.multiplier);
  if (draft.beta !== '' && draft.method === 'dpo') given.beta = Number(draft.beta);
  const metadata = draft.metadata.filter(([key]) => key !== '');
  return {
    model: draft.model,
    training_file: draft.trainingFile,
    ...(draft.validationFile !== '' && { validation_file: draft.validationFile }),
    ...(draft.suffix !== '' && { suffix: draft.suffix }),
    ...(draft.seed !== '' && { seed: Number(draft.seed) }),
    ...(metadata.length > 0 && { metadata: Object.fromEntries(metadata) }),
    method: { type: draft.method, [draft.method]: { hyperparameters: given } },
  };
}
