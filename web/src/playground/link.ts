// The playground as text: in the address of a link, and in the browser's storage. There is no key in
// it. What is read back was written by anybody: only what has the right form is taken.
import {
  defaultSettings,
  emptyPlayground,
  MOST_PANES,
  newAnswer,
  newId,
  newPane,
  type Answer,
  type Playground,
  type Settings,
  type Turn,
} from './state';

const VERSION = 1;
const LONGEST_LINK = 200_000;

// Answers go without their tokens: what is said stays, how probable it was does not.
export function writeSaved(state: Playground): string {
  const { panes, turns, draft, ...rest } = state;
  const ids = panes.map((pane) => pane.id);
  const answerOf = (answer: Answer | undefined) =>
    answer && {
      model: answer.model,
      text: answer.text,
      usage: answer.usage,
      firstMs: answer.firstMs,
      totalMs: answer.totalMs,
      finish: answer.finish,
    };
  return JSON.stringify({
    version: VERSION,
    ...rest,
    draft,
    panes: panes.map(({ model, settings }) => ({ model, settings })),
    turns: turns.map((turn) => ({
      user: turn.user,
      answers: ids.map((id) => answerOf(turn.answers[id]) ?? null),
      order: turn.order?.map((id) => ids.indexOf(id)).filter((index) => index >= 0) ?? null,
      chosen:
        turn.chosen === null || turn.chosen === 'none' ? turn.chosen : ids.indexOf(turn.chosen),
    })),
  });
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown) => (Array.isArray(value) ? (value as unknown[]) : []);
const text = (value: unknown, otherwise = '') => (typeof value === 'string' ? value : otherwise);
const flag = (value: unknown, otherwise: boolean) =>
  typeof value === 'boolean' ? value : otherwise;
const number = (value: unknown, min: number, max: number, otherwise: number) =>
  typeof value === 'number' && value >= min && value <= max ? value : otherwise;
const time = (value: unknown) => (typeof value === 'number' && value >= 0 ? value : null);

function readSettings(value: unknown): Settings {
  if (!isFields(value)) return defaultSettings;
  const { temperature, topP, maxTokens, seed, stop } = value;
  return {
    temperature: number(temperature, 0, 2, defaultSettings.temperature),
    topP: number(topP, 0, 1, defaultSettings.topP),
    maxTokens: Math.round(number(maxTokens, 1, 1_000_000, defaultSettings.maxTokens)),
    seed: Number.isSafeInteger(seed) ? (seed as number) : null,
    stop: list(stop)
      .filter((one): one is string => typeof one === 'string' && one !== '')
      .slice(0, 4),
  };
}

function readAnswer(value: unknown): Answer | null {
  if (!isFields(value) || typeof value['model'] !== 'string') return null;
  const { usage } = value;
  return {
    ...newAnswer(value['model']),
    state: value['finish'] === null ? 'stopped' : 'done',
    text: text(value['text']),
    usage: isFields(usage)
      ? {
          prompt: number(usage['prompt'], 0, 1e9, 0),
          completion: number(usage['completion'], 0, 1e9, 0),
        }
      : null,
    firstMs: time(value['firstMs']),
    totalMs: time(value['totalMs']),
    finish: typeof value['finish'] === 'string' ? value['finish'] : null,
  };
}

function readTurn(value: unknown, ids: readonly string[]): Turn | null {
  if (!isFields(value) || typeof value['user'] !== 'string') return null;
  const idAt = (index: unknown) => (typeof index === 'number' ? ids[index] : undefined);
  const answers: Turn['answers'] = {};
  list(value['answers']).forEach((one, index) => {
    const id = ids[index];
    const answer = readAnswer(one);
    if (id !== undefined && answer) answers[id] = answer;
  });
  const order = list(value['order'])
    .map(idAt)
    .filter((id) => id !== undefined);
  const { chosen } = value;
  return {
    id: newId('t'),
    user: value['user'],
    answers,
    order: new Set(order).size === ids.length ? [...new Set(order)] : null,
    chosen: chosen === 'none' ? 'none' : (idAt(chosen) ?? null),
  };
}

// null: this is no playground.
export function readSaved(saved: string): Playground | null {
  let value: unknown;
  try {
    value = JSON.parse(saved);
  } catch {
    return null;
  }
  if (!isFields(value) || value['version'] !== VERSION) return null;
  const empty = emptyPlayground();
  const panes = list(value['panes'])
    .filter(isFields)
    .slice(0, MOST_PANES)
    .map((pane) => ({ ...newPane(text(pane['model'])), settings: readSettings(pane['settings']) }));
  const ids = panes.map((pane) => pane.id);
  return {
    system: text(value['system']),
    draft: text(value['draft']),
    panes: panes.length > 0 ? panes : empty.panes,
    shared: flag(value['shared'], true),
    settings: readSettings(value['settings']),
    logprobs: flag(value['logprobs'], false),
    schemaOn: flag(value['schemaOn'], false),
    schema: text(value['schema'], empty.schema),
    blind: flag(value['blind'], false),
    turns: list(value['turns'])
      .map((turn) => readTurn(turn, ids))
      .filter((turn) => turn !== null),
  };
}

async function through(bytes: Uint8Array<ArrayBuffer>, change: GenericTransformStream) {
  const stream = new Blob([bytes]).stream().pipeThrough(change);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// For the address, behind its #.
export async function encodeLink(state: Playground): Promise<string> {
  const plain = new TextEncoder().encode(writeSaved(state));
  const packed = await through(plain, new CompressionStream('deflate-raw'));
  let binary = '';
  for (const byte of packed) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

export async function decodeLink(link: string): Promise<Playground | null> {
  if (link.length > LONGEST_LINK) return null;
  try {
    const binary = atob(link.replaceAll('-', '+').replaceAll('_', '/'));
    const packed = Uint8Array.from(binary, (one) => one.charCodeAt(0));
    const plain = await through(packed, new DecompressionStream('deflate-raw'));
    return readSaved(new TextDecoder().decode(plain));
  } catch {
    return null;
  }
}
