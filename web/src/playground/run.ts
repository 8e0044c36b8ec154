// Asking the models of the panes.
import { ApiError, describeError } from '@/api/error';
import type { Translate } from '@/i18n/language';

import { streamChat } from './chat_stream';
import {
  isBusy,
  newAnswer,
  newId,
  requestFor,
  shuffled,
  type Answer,
  type ChatRequest,
  type Pane,
} from './state';
import { getPlayground, patch, patchAnswer } from './store';

// A model that starts or a limit that was reached: the server says when to come back. After so many
// times a person decides.
const MOST_RETRIES = 30;
const DRAW_EVERY_MS = 33;

const running = new Map<string, AbortController>(); // by turn and pane
const keyOf = (turn: string, pane: string) => `${turn} ${pane}`;

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resume, stop) => {
    const timer = setTimeout(resume, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      stop(new DOMException('', 'AbortError'));
    });
  });
}

// Reads one answer to its end; the screen hears of it some thirty times a second.
async function readAnswer(
  request: ChatRequest,
  signal: AbortSignal,
  change: (changes: Partial<Answer>) => void,
) {
  const begin = performance.now();
  const answer: Partial<Answer> & Pick<Answer, 'text' | 'tokens' | 'firstMs'> = {
    text: '',
    tokens: [],
    firstMs: null,
  };
  let drawn = 0;
  try {
    for await (const piece of streamChat(request, signal)) {
      if (answer.firstMs === null && (piece.text !== '' || piece.tokens.length > 0))
        answer.firstMs = performance.now() - begin;
      answer.text += piece.text;
      if (piece.tokens.length > 0) answer.tokens = [...answer.tokens, ...piece.tokens];
      if (piece.finish !== null) answer.finish = piece.finish;
      if (piece.usage) answer.usage = piece.usage;
      if (performance.now() - drawn < DRAW_EVERY_MS) continue;
      drawn = performance.now();
      change({ ...answer, state: 'streaming' });
    }
  } finally {
    change({ ...answer, totalMs: performance.now() - begin });
  }
}

async function runPane(turn: string, pane: string, request: ChatRequest, t: Translate) {
  const stop = new AbortController();
  const stopped = () => stop.signal.aborted;
  running.set(keyOf(turn, pane), stop);
  const change = (changes: Partial<Answer>) => patchAnswer(turn, pane, changes);
  for (let tries = 0; ; tries += 1) {
    try {
      await readAnswer(request, stop.signal, change);
      change({ state: 'done' });
      break;
    } catch (error) {
      if (stopped()) {
        change({ state: 'stopped', retryAt: null });
        break;
      }
      const wait = error instanceof ApiError ? error.retryAfter : null;
      if (wait === null || tries >= MOST_RETRIES) {
        change({ state: 'failed', error: describeError(error, t) });
        break;
      }
      change({
        state: 'retrying',
        error: describeError(error, t),
        retryAt: Date.now() + wait * 1000,
      });
      await sleep(wait * 1000, stop.signal).catch(() => undefined);
      change({ state: stopped() ? 'stopped' : 'waiting', error: null, retryAt: null });
      if (stopped()) break;
    }
  }
  running.delete(keyOf(turn, pane));
}

// Asks the models of some panes, or of all, in a turn that is there.
function ask(turnIndex: number, panes: readonly Pane[], t: Translate) {
  const state = getPlayground();
  const turn = state.turns[turnIndex];
  if (!turn) return;
  const answers = { ...turn.answers };
  for (const pane of panes) answers[pane.id] = newAnswer(pane.model);
  const turns = state.turns.with(turnIndex, { ...turn, answers });
  patch({ turns });
  for (const pane of panes)
    void runPane(turn.id, pane.id, requestFor({ ...state, turns }, turnIndex, pane), t);
}

function stopTurn(turn: string) {
  for (const pane of getPlayground().panes) running.get(keyOf(turn, pane.id))?.abort();
}

// Asks `user` in place of a turn and of what came after it; at the end, a new turn.
export function runTurn(turnIndex: number, user: string, t: Translate) {
  const state = getPlayground();
  for (const turn of state.turns.slice(turnIndex)) stopTurn(turn.id);
  const blind = state.blind && state.panes.length > 1;
  const order = blind ? shuffled(state.panes.map((pane) => pane.id)) : null;
  const turn = { id: newId('t'), user, answers: {}, order, chosen: null };
  patch({ turns: [...state.turns.slice(0, turnIndex), turn] });
  ask(turnIndex, state.panes, t);
}

// Asks one pane's model again.
export function retryPane(turnIndex: number, paneId: string, t: Translate) {
  ask(
    turnIndex,
    getPlayground().panes.filter((pane) => pane.id === paneId),
    t,
  );
}

export function stopAll() {
  for (const { id, answers } of getPlayground().turns)
    if (Object.values(answers).some(isBusy)) stopTurn(id);
}

export function clearTurns() {
  stopAll();
  patch({ turns: [] });
}

export function removePane(id: string) {
  const state = getPlayground();
  for (const turn of state.turns) running.get(keyOf(turn.id, id))?.abort();
  patch({ panes: state.panes.filter((pane) => pane.id !== id) });
}
