import type { JobEvent } from '@/api/types';

export const messageLevels = ['all', 'warn', 'error'] as const;
export type MessageLevel = (typeof messageLevels)[number];

export interface EventFilter {
  search: string;
  level: MessageLevel; // and what is worse
  steps: boolean; // with the lines of single steps
}

const SHOWN: Record<MessageLevel, JobEvent['level'][]> = {
  all: ['info', 'warn', 'error'],
  warn: ['warn', 'error'],
  error: ['error'],
};

export function filterEvents(events: readonly JobEvent[], filter: EventFilter): JobEvent[] {
  const search = filter.search.trim().toLowerCase();
  if (search === '' && filter.level === 'all' && filter.steps) return events.slice();
  const levels = SHOWN[filter.level];
  return events.filter(
    (event) =>
      (filter.steps || event.type !== 'metrics') &&
      levels.includes(event.level) &&
      (search === '' || event.message.toLowerCase().includes(search)),
  );
}
