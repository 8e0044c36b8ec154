// The events of one job as they happen: read from the first on, and again from the last one that
// came when the connection breaks.
import { fetchRaw } from '@/api/client';
import { ApiError, isPassing } from '@/api/error';
import { readEvents, type ServerEvent } from '@/api/server_events';
import type { Job, JobEvent } from '@/api/types';

import { Columns } from './columns';

export type FeedState = 'connecting' | 'live' | 'reconnecting' | 'ended' | 'gone';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;
// The server sends a sign of life every few seconds; a connection that is silent for longer is dead.
const SILENCE_MS = 45_000;

function figuresOf(event: JobEvent): { step: number; values: Record<string, number> } | null {
  const step = event.data?.['step'];
  if (event.type !== 'metrics' || typeof step !== 'number') return null;
  const values: Record<string, number> = {};
  for (const [name, value] of Object.entries(event.data ?? {}))
    if (name !== 'step' && name !== 'total_steps' && typeof value === 'number')
      values[name] = value;
  return { step, values };
}

export class JobFeed {
  readonly events: JobEvent[] = [];
  readonly columns = new Columns();
  state: FeedState = 'connecting';
  // Changes with everything that a listener may want to see.
  version = 0;

  private readonly listeners = new Set<() => void>();
  private stop: AbortController | null = null;
  private lastId = '';
  private notified = false;

  constructor(
    readonly jobId: string,
    // The job has ended and is this.
    private readonly onJob: (job: Job) => void,
    // Something other than a step happened to the job.
    private readonly onMessage: () => void,
  ) {}

  // The feed reads while somebody listens.
  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    if (!this.stop && !this.isDone()) void this.run();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      this.stop?.abort();
      this.stop = null;
    };
  };

  private async run() {
    const stop = new AbortController();
    this.stop = stop;
    const stopped = () => stop.signal.aborted;
    let wait = FIRST_WAIT_MS;
    while (!stopped()) {
      try {
        if (await this.read(stop.signal)) wait = FIRST_WAIT_MS;
      } catch (error) {
        if (stopped()) break;
        if (error instanceof ApiError && !isPassing(error)) this.setState('gone');
      }
      if (this.isDone()) break;
      this.setState('reconnecting');
      await new Promise((resume) => setTimeout(resume, wait));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
    if (this.stop === stop) this.stop = null;
  }

  // Reads one connection to its end. True if it brought anything.
  private async read(stop: AbortSignal): Promise<boolean> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), SILENCE_MS);
    let brought = false;
    try {
      const response = await fetchRaw(
        `/api/fine_tuning/jobs/${encodeURIComponent(this.jobId)}/events/stream`,
        {
          headers: this.lastId === '' ? {} : { 'last-event-id': this.lastId },
          signal: AbortSignal.any([stop, silent.signal]),
        },
      );
      this.setState('live');
      for await (const events of readEvents(response)) {
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENCE_MS);
        if (events.length === 0) continue;
        brought = true;
        this.take(events);
      }
    } finally {
      clearTimeout(timer);
    }
    return brought;
  }

  private take(events: ServerEvent[]) {
    let told = false;
    for (const { event, id, data } of events) {
      if (event === 'job') {
        this.state = 'ended';
        this.onJob(JSON.parse(data) as Job);
        continue;
      }
      const one = JSON.parse(data) as JobEvent;
      this.lastId = id;
      this.events.push(one);
      const figures = figuresOf(one);
      if (figures) this.columns.append(figures.step, figures.values);
      else told = true;
    }
    if (told) this.onMessage();
    this.changed();
  }

  private isDone() {
    return this.state === 'ended' || this.state === 'gone';
  }

  private setState(state: FeedState) {
    if (this.state === state) return;
    this.state = state;
    this.changed();
  }

  // Listeners hear of everything that came within a frame at once.
  private changed() {
    if (this.notified) return;
    this.notified = true;
    setTimeout(() => {
      this.notified = false;
      this.version += 1;
      for (const listener of this.listeners) listener();
    }, 16);
  }
}
