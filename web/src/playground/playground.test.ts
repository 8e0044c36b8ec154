import { describe, expect, it } from 'vitest';

import { ApiError } from '@/api/error';

import { readChunk } from './chunk';
import { codeFor, toPython } from './code';
import { decodeLink, encodeLink, readSaved, writeSaved } from './link';
import { preferencesOf, toDpoFile, winsByModel } from './votes';
import { bandOf, visible } from './probability';
import {
  awaitsVote,
  emptyPlayground,
  messagesFor,
  newAnswer,
  newPane,
  readSchema,
  requestFor,
  shuffled,
  tokensPerSecond,
  type Playground,
  type Turn,
} from './state';

const done = (model: string, text: string) => ({
  ...newAnswer(model),
  state: 'done' as const,
  text,
  finish: 'stop',
});

// Two panes, one turn answered by both, a second that is being asked.
function conversation(): Playground {
  const panes = [newPane('base'), newPane('tuned')];
  const [a = '', b = ''] = panes.map((pane) => pane.id);
  const first: Turn = {
    id: 't1',
    user: 'Iron?',
    answers: { [a]: done('base', 'A metal.'), [b]: done('tuned', 'A limerick.') },
    order: null,
    chosen: null,
  };
  const second: Turn = { id: 't2', user: 'And gold?', answers: {}, order: null, chosen: null };
  return { ...emptyPlayground(), system: 'Be brief.', panes, turns: [first, second] };
}

const idOf = (state: Playground, index: number) => state.panes[index]?.id ?? '';

function voted(): Playground {
  const state = conversation();
  const [first] = state.turns;
  if (!first) throw new Error('no turn');
  const order = state.panes.map((pane) => pane.id);
  return { ...state, blind: true, turns: [{ ...first, order, chosen: idOf(state, 1) }] };
}

describe('messagesFor', () => {
  it('goes on from what the pane itself said', () => {
    const state = conversation();
    expect(messagesFor(state, 1, idOf(state, 1)).map((one) => one.content)).toEqual([
      'Be brief.',
      'Iron?',
      'A limerick.',
      'And gold?',
    ]);
  });

  it('goes on from the chosen answer in every pane of a blind vote', () => {
    const state = voted();
    const next = { ...conversation().turns[1], id: 't3' } as Turn;
    const both = { ...state, turns: [...state.turns, next] };
    const asked = both.panes.map((pane) => messagesFor(both, 1, pane.id));
    expect(asked[0]).toEqual(asked[1]);
    expect(asked[0]?.[2]?.content).toBe('A limerick.');
  });

  it('leaves out a turn that the pane has no answer to', () => {
    const state = conversation();
    const pane = newPane('new');
    const more = { ...state, panes: [...state.panes, pane] };
    expect(messagesFor(more, 1, pane.id).map((one) => one.role)).toEqual(['system', 'user']);
  });
});

describe('requestFor', () => {
  it('takes the shared settings or those of the pane, and sends only what is set', () => {
    const state = conversation();
    const [pane] = state.panes;
    if (!pane) throw new Error('no pane');
    const own = { ...pane, settings: { ...pane.settings, temperature: 0, seed: 3, stop: ['\n'] } };
    expect(requestFor(state, 1, own)).not.toHaveProperty('seed');
    expect(requestFor({ ...state, shared: false }, 1, own)).toMatchObject({
      temperature: 0,
      seed: 3,
      stop: ['\n'],
    });
    expect(requestFor({ ...state, schemaOn: true, logprobs: true }, 1, own)).toMatchObject({
      logprobs: true,
      response_format: { json_schema: { strict: true, schema: { type: 'object' } } },
    });
  });

  it('takes no schema that is none', () => {
    expect(readSchema('{')).toEqual({ error: 'syntax' });
    expect(readSchema('[1]')).toEqual({ error: 'object' });
  });
});

describe('figures', () => {
  it('count tokens a second from the first token on', () => {
    const answer = { ...done('base', 'x'), firstMs: 500, totalMs: 2500 };
    expect(tokensPerSecond({ ...answer, usage: { prompt: 9, completion: 21 } })).toBe(10);
    expect(tokensPerSecond({ ...answer, usage: { prompt: 9, completion: 1 } })).toBeNull();
    expect(tokensPerSecond(answer)).toBeNull();
  });

  it('colour tokens by probability, and show what cannot be seen', () => {
    expect([0.95, 0.5, 0.2, 0.01].map((p) => bandOf(Math.log(p)))).toEqual([
      'sure',
      'likely',
      'unsure',
      'unlikely',
    ]);
    expect(visible(' a\n')).toBe('␣a↵');
  });
});

describe('readChunk', () => {
  it('reads text, probabilities and usage', () => {
    const piece = readChunk(
      '{"choices":[{"delta":{"content":"Hi"},"logprobs":{"content":[{"token":"Hi","logprob":-0.1,"top_logprobs":[{"token":"Hi","logprob":-0.1}]}]},"finish_reason":null}],"usage":null}',
    );
    expect(piece.text).toBe('Hi');
    expect(piece.tokens[0]?.alternatives).toHaveLength(1);
    const last = readChunk('{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}');
    expect(last.usage).toEqual({ prompt: 3, completion: 4 });
  });

  it('throws an error that comes in the middle', () => {
    expect(() => readChunk('{"error":{"message":"The model ended","code":"x"}}')).toThrow(ApiError);
  });
});

describe('a vote', () => {
  it('is awaited once every answer of a blind turn is there', () => {
    const [turn] = voted().turns;
    if (!turn) throw new Error('no turn');
    expect(awaitsVote(turn)).toBe(false);
    expect(awaitsVote({ ...turn, chosen: null })).toBe(true);
    expect(awaitsVote({ ...turn, chosen: null, order: null })).toBe(false);
  });

  it('becomes a row of a DPO file', () => {
    const state = voted();
    const votes = preferencesOf(state, state.turns[0] as Turn);
    expect(JSON.parse(toDpoFile(votes))).toEqual({
      input: {
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Iron?' },
        ],
      },
      preferred_output: [{ role: 'assistant', content: 'A limerick.' }],
      non_preferred_output: [{ role: 'assistant', content: 'A metal.' }],
    });
    expect(winsByModel(votes)).toEqual([
      ['tuned', 1],
      ['base', 0],
    ]);
  });

  it('for no answer says nothing', () => {
    const state = voted();
    expect(preferencesOf(state, { ...(state.turns[0] as Turn), chosen: 'none' })).toEqual([]);
  });

  it('is asked in an order that loses nobody', () => {
    expect(shuffled([1, 2, 3, 4]).sort()).toEqual([1, 2, 3, 4]);
  });
});

describe('a link', () => {
  it('brings the same playground back', async () => {
    const state = { ...voted(), draft: 'و بعد؟', blind: true };
    const back = await decodeLink(await encodeLink(state));
    if (!back) throw new Error('nothing came back');
    expect(JSON.parse(writeSaved(back))).toEqual(JSON.parse(writeSaved(state)));
    expect(back.turns[0]?.chosen).toBe(idOf(back, 1));
  });

  it('that is none, or a hostile one, brings nothing', async () => {
    expect(await decodeLink('%%%')).toBeNull();
    expect(await decodeLink('abcd')).toBeNull();
    expect(readSaved('{"version":2}')).toBeNull();
    const odd = readSaved(
      '{"version":1,"panes":[{"model":5},7],"settings":{"temperature":99,"stop":[1,"a"]},"turns":[{"user":1},{"user":"x","answers":[{"model":"m","text":[]}]}]}',
    );
    expect(odd?.panes).toHaveLength(1);
    expect(odd?.settings).toMatchObject({ temperature: 0.7, stop: ['a'] });
    expect(odd?.turns).toHaveLength(1);
    expect(Object.values(odd?.turns[0]?.answers ?? {})[0]?.text).toBe('');
  });
});

describe('code to copy', () => {
  it('is Python with Python’s own words', () => {
    expect(toPython({ a: [true, null, 'x"'], b: {} })).toBe(
      '{\n    "a": [\n        True,\n        None,\n        "x\\"",\n    ],\n    "b": {},\n}',
    );
  });

  it('holds a quote together in a shell', () => {
    const state = conversation();
    const [pane] = state.panes;
    if (!pane) throw new Error('no pane');
    const request = requestFor({ ...state, system: "Don't" }, 0, pane);
    expect(codeFor('curl', 'http://h', request)).toContain(String.raw`Don'\''t`);
    for (const language of ['python', 'node', 'curl'] as const)
      expect(codeFor(language, 'http://h', request)).toContain('http://h/v1');
  });
});
