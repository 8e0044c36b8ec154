import { expect, it } from 'vitest';

import { groupModels, kindOf, shortName, stepOf } from './model_names';

it('knows models by their names', () => {
  const ids = ['base', 'ft:base:org:x:abc', 'ft:base:org:x:def:ckpt-step-30'];
  expect(ids.map(kindOf)).toEqual(['base', 'tuned', 'checkpoint']);
  expect(stepOf('ft:base:org:x:def:ckpt-step-30')).toBe(30);
  expect([...ids, 'ft:base:org::abc'].map(shortName)).toEqual(['base', 'x:abc', 'x:def', 'abc']);
  expect(groupModels(ids).map((group) => group.kind)).toEqual(['tuned', 'base', 'checkpoint']);
  expect(groupModels(['base'])).toEqual([{ kind: 'base', ids: ['base'] }]);
});
