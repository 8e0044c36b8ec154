import { describe, expect, it } from 'vitest';

import { codeFor } from './code_examples';

const request = {
  model: 'base',
  training_file: 'file-1',
  suffix: `it's "x"`,
  method: { type: 'supervised' as const, supervised: { hyperparameters: { n_epochs: 3 } } },
};

describe('codeFor', () => {
  it('writes Python', () => {
    expect(codeFor('Python', request, 'http://h', '')).toBe(`from openai import OpenAI

client = OpenAI(base_url="http://h/v1")
job = client.fine_tuning.jobs.create(
    model="base",
    training_file="file-1",
    suffix="it's \\"x\\"",
    method={
        "type": "supervised",
        "supervised": {
            "hyperparameters": {
                "n_epochs": 3,
            },
        },
    },
)
print(job.id)
`);
  });

  it('lets no quote end the text of a shell', () => {
    expect(codeFor('curl', request, 'http://h', '')).toContain(`"it'\\''s \\"x\\""`);
  });

  it('shows the command line as the server says it', () => {
    const command = 'hone finetune --data_name rows.jsonl';
    expect(codeFor('hone', request, 'http://h', command)).toBe(command);
  });
});
