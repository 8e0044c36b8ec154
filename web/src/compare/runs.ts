// Several runs as one: their curves over the same steps, and in what they differ.
import type { Job } from '@/api/types';
import type { Columns } from '@/fine_tuning/columns';

export const MOST_RUNS = 6; // as many as there are colours for series

// Values of one figure by run, over every step that any of them has.
export function mergeRuns(runs: readonly Columns[], name: string) {
  const having = runs.map((run) => (run.names().includes(name) ? run : null));
  const steps = new Set<number>();
  for (const run of having) for (const step of run?.x() ?? []) steps.add(step);
  const xs = Float64Array.from([...steps].sort((a, b) => a - b));
  const place = new Map([...xs].map((step, index) => [step, index]));
  const series = having.map((run) => {
    const merged = new Float64Array(xs.length).fill(NaN);
    const values = run?.values(name);
    run?.x().forEach((step, index) => {
      merged[place.get(step) ?? 0] = values?.[index] ?? NaN;
    });
    return merged;
  });
  return { xs, series };
}

// The last, least and greatest value of a figure; null where there is none.
export function summaryOf(values: Float64Array) {
  const there = values.filter((value) => !Number.isNaN(value));
  const last = there.at(-1);
  if (last === undefined) return null;
  return {
    last,
    least: there.reduce((a, b) => Math.min(a, b)),
    greatest: there.reduce((a, b) => Math.max(a, b)),
  };
}

// A line of the comparison: what each run has there.
export interface Row<Label> {
  label: Label;
  cells: (string | number | null)[];
  best?: 'least' | 'greatest'; // which of the numbers is the good one
}

export const differs = ({ cells }: Row<unknown>) => new Set(cells).size > 1;

// The cells that are the best ones, where some are not.
export function bestCells({ cells, best }: Row<unknown>): boolean[] {
  const numbers = cells.filter((cell) => typeof cell === 'number');
  if (best === undefined || new Set(numbers).size < 2) return cells.map(() => false);
  const wanted = best === 'least' ? Math.min(...numbers) : Math.max(...numbers);
  return cells.map((cell) => cell === wanted);
}

// By what a person knows a run.
export const nameOf = (job: Job) => job.user_provided_suffix ?? job.fine_tuned_model ?? job.id;
