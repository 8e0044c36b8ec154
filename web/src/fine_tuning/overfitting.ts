// Where a run begins to learn its examples by heart: the loss on what it is not trained on grows
// again, while training goes on.

// How much worse than its best the validation loss must have become, and at how many evaluations
// after it, so that chance is not taken for it.
const WORSE = 1.01;
const EVALUATIONS = 2;

// The step of the best validation loss, where the run went on past it for the worse; null: it did
// not. `losses` has NaN at steps without an evaluation.
export function overfittingStep(steps: Float64Array, losses: Float64Array): number | null {
  let best = -1;
  let after = 0;
  let last = NaN;
  losses.forEach((loss, index) => {
    if (Number.isNaN(loss)) return;
    last = loss;
    if (best < 0 || loss <= (losses[best] ?? Infinity)) {
      best = index;
      after = 0;
    } else {
      after += 1;
    }
  });
  const worse = last > (losses[best] ?? Infinity) * WORSE;
  return worse && after >= EVALUATIONS ? (steps[best] ?? null) : null;
}
