// Which of the pulls are worth a place on the page.
import type { Pull } from '@/api/types';

const FAILURE_SHOWN_S = 3_600;

export const isMoving = (pull: Pull) => pull.status === 'queued' || pull.status === 'running';

// What moves, and what failed lately and was not asked for again since.
export function shownPulls(pulls: readonly Pull[], now: number): Pull[] {
  const seen = new Set<string>();
  return pulls.filter((pull) => {
    const newest = !seen.has(pull.model);
    seen.add(pull.model);
    if (isMoving(pull)) return true;
    return newest && pull.status === 'failed' && now - (pull.finished_at ?? 0) < FAILURE_SHOWN_S;
  });
}
