// What the playground holds, and how it changes without the network: pure functions.

export interface Settings {
  temperature: number; // 0: always the most probable token
  topP: number;
  maxTokens: number;
  seed: number | null; // null: another one each time
  stop: string[];
}

export interface Pane {
  id: string;
  model: string;
  settings: Settings; // where panes have their own
}

// A token that the model wrote or could have written, with the logarithm of its probability.
export interface Choice {
  token: string;
  logprob: number;
}

export interface Token extends Choice {
  alternatives: Choice[]; // the most probable ones, best first
}

export interface Usage {
  prompt: number;
  completion: number;
}

export type AnswerState = 'waiting' | 'retrying' | 'streaming' | 'done' | 'stopped' | 'failed';

// What one model said in one turn. Times are milliseconds since the request was sent.
export interface Answer {
  model: string;
  state: AnswerState;
  text: string;
  tokens: Token[]; // where logprobs were asked for
  usage: Usage | null;
  firstMs: number | null;
  totalMs: number | null;
  finish: string | null;
  error: string | null;
  retryAt: number | null; // Date.now() of the next try
}

export interface Turn {
  id: string;
  user: string;
  answers: Record<string, Answer>; // by pane
  order: string[] | null; // of the panes on the screen, where nobody is to know whose answer is whose
  chosen: string | null; // the pane whose answer was found the best; 'none': there is no difference
}

export interface Playground {
  system: string;
  draft: string;
  panes: Pane[];
  shared: boolean; // one Settings for all panes
  settings: Settings;
  logprobs: boolean;
  schemaOn: boolean;
  schema: string;
  blind: boolean;
  turns: Turn[];
}

export const MOST_PANES = 4;

export const defaultSettings: Settings = {
  temperature: 0.7,
  topP: 1,
  maxTokens: 256,
  seed: null,
  stop: [],
};

export const exampleSchema = `{
  "type": "object",
  "properties": {
    "answer": { "type": "string" },
    "confidence": { "type": "number" }
  },
  "required": ["answer", "confidence"],
  "additionalProperties": false
}`;

let lastId = 0;
export function newId(prefix: string): string {
  lastId += 1;
  return `${prefix}${Date.now().toString(36)}${lastId.toString(36)}`;
}

export const newPane = (model: string): Pane => ({
  id: newId('p'),
  model,
  settings: defaultSettings,
});

export const emptyPlayground = (): Playground => ({
  system: '',
  draft: '',
  panes: [newPane('')],
  shared: true,
  settings: defaultSettings,
  logprobs: false,
  schemaOn: false,
  schema: exampleSchema,
  blind: false,
  turns: [],
});

export const newAnswer = (model: string): Answer => ({
  model,
  state: 'waiting',
  text: '',
  tokens: [],
  usage: null,
  firstMs: null,
  totalMs: null,
  finish: null,
  error: null,
  retryAt: null,
});

export const isBusy = (answer: Answer | undefined) =>
  answer?.state === 'waiting' || answer?.state === 'retrying' || answer?.state === 'streaming';

export const isRunning = ({ turns }: Playground) =>
  turns.some((turn) => Object.values(turn.answers).some(isBusy));

// A blind turn in which every answer is there, and no vote yet.
export function awaitsVote(turn: Turn): boolean {
  if (!turn.order || turn.chosen !== null) return false;
  const there = turn.order.filter((pane) => canBeChosen(turn.answers[pane]));
  return there.length > 1 && !Object.values(turn.answers).some(isBusy);
}

export const canBeChosen = (answer: Answer | undefined) =>
  answer !== undefined && !isBusy(answer) && answer.state !== 'failed' && answer.text !== '';

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

// The answer that a pane's conversation goes on from. Where answers are compared blindly, all panes
// go on from the same one: a preference is between two answers to the same messages.
function answerBefore(state: Playground, turn: Turn, pane: string): Answer | undefined {
  if (!state.blind) return turn.answers[pane];
  const one = turn.chosen !== null && turn.chosen !== 'none' ? turn.chosen : state.panes[0]?.id;
  return turn.answers[one ?? pane];
}

// What a pane's model is asked in a turn. A turn that the pane has no answer to is left out.
export function messagesFor(state: Playground, turnIndex: number, pane: string): Message[] {
  const messages: Message[] = [];
  if (state.system.trim() !== '') messages.push({ role: 'system', content: state.system });
  for (const turn of state.turns.slice(0, turnIndex)) {
    const answer = answerBefore(state, turn, pane);
    if (!answer || answer.text === '') continue;
    messages.push({ role: 'user', content: turn.user });
    messages.push({ role: 'assistant', content: answer.text });
  }
  const turn = state.turns[turnIndex];
  if (turn) messages.push({ role: 'user', content: turn.user });
  return messages;
}

export const settingsOf = (state: Playground, pane: Pane) =>
  state.shared ? state.settings : pane.settings;

// The JSON schema that was written, or why it is none.
export function readSchema(text: string): { schema: object } | { error: 'syntax' | 'object' } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { error: 'syntax' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { error: 'object' };
  return { schema: value };
}

// The body of POST /v1/chat/completions, without what only a stream needs.
export function requestFor(state: Playground, turnIndex: number, pane: Pane) {
  const settings = settingsOf(state, pane);
  const read = state.schemaOn ? readSchema(state.schema) : null;
  return {
    model: pane.model,
    messages: messagesFor(state, turnIndex, pane.id),
    temperature: settings.temperature,
    top_p: settings.topP,
    max_completion_tokens: settings.maxTokens,
    ...(settings.seed === null ? {} : { seed: settings.seed }),
    ...(settings.stop.length === 0 ? {} : { stop: settings.stop }),
    ...(state.logprobs ? { logprobs: true, top_logprobs: 5 } : {}),
    ...(read && 'schema' in read
      ? {
          response_format: {
            type: 'json_schema' as const,
            json_schema: { name: 'answer', strict: true, schema: read.schema },
          },
        }
      : {}),
  };
}
export type ChatRequest = ReturnType<typeof requestFor>;

// Tokens a second once the first is there; null where that is not known.
export function tokensPerSecond({ usage, firstMs, totalMs }: Answer): number | null {
  if (!usage || firstMs === null || totalMs === null) return null;
  const tokens = usage.completion - 1;
  const seconds = (totalMs - firstMs) / 1000;
  return tokens < 1 || seconds <= 0 ? null : tokens / seconds;
}

// A permutation that nobody can foresee.
export function shuffled<T>(values: readonly T[]): T[] {
  const left = [...values];
  const mixed: T[] = [];
  while (left.length > 0) {
    const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
    mixed.push(...left.splice(random % left.length, 1));
  }
  return mixed;
}
