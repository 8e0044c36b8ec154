// The story of the guide with a real model, which HONE_BROWSER_MODEL names and hone's cache has
// (`./dev soak` does so); without one, there is nothing here to run. What it learns is checked, too.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { open } from './browser.mjs';
import { withServer } from './with_server.mjs';

const model = process.env.HONE_BROWSER_MODEL;
const examples = readFileSync(new URL('../../examples/elements/train.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(0, 40);
const spoilt = [...examples.slice(0, 20), examples[20].slice(0, 60), '{"prompt": "Iron"}', ...examples.slice(21)];
const [system, question, limerick] = JSON.parse(examples[0]).messages.map(({ content }) => content);
const MINUTE = 60_000;

async function createFrom(page, name, lines, epochs) {
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByLabel('Training file').waitFor();
  await page.locator('input[type=file]').setInputFiles({
    name,
    mimeType: 'application/jsonl',
    buffer: Buffer.from(lines.join('\n')),
  });
  await page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll('select')].some((one) =>
        one.selectedOptions[0]?.textContent.startsWith(wanted),
      ),
    name,
  );
  await page.getByLabel('Epochs').fill(epochs);
  await page.getByLabel('Batch size').fill('2');
  await page.getByLabel('Learning-rate multiplier').fill('4');
  await page.getByLabel('Seed').fill('7');
}

// The training loss as it stood in the events, step by step.
async function losses(server, job) {
  const found = [];
  for (let after = '', more = true; more; ) {
    const list = await server.call(
      `/v1/fine_tuning/jobs/${job}/events?limit=100${after && `&after=${after}`}`,
    );
    for (const { type, data } of list.data) if (type === 'metrics') found.unshift(data.train_loss);
    after = list.data.at(-1)?.id ?? '';
    more = list.has_more;
  }
  return found;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

async function theStory({ browser, server }) {
  const page = await open(browser, server, '/');
  await page.getByText('Teach a model your own examples').waitFor();
  await createFrom(page, 'training-data.jsonl', spoilt, '1');
  await page.getByText('2 lines of the file cannot be used').waitFor();
  await page.getByRole('button', { name: 'Create job' }).click();
  const failure = page.getByRole('region', { name: 'This job failed' });
  await failure.getByText('Line 21', { exact: true }).waitFor();
  await failure.getByText('Line 22', { exact: true }).waitFor();

  // No job has used the base yet: what one takes is measured.
  await createFrom(page, 'corrected.jsonl', examples, '8');
  await page.getByText(/^about .*, by a step measured on this machine$/).waitFor({ timeout: 2 * MINUTE });
  await page.getByRole('button', { name: 'Create job' }).click();
  await page.getByRole('img', { name: /^Loss: the latest values are Training/ }).waitFor({ timeout: MINUTE });
  const job = page.url().split('/').at(-1);
  await page.getByRole('tab', { name: 'Messages' }).click();
  await page.getByRole('log').getByText(/^Step 10\/160/).waitFor({ timeout: 5 * MINUTE });
  await page.getByText('Live', { exact: true }).waitFor();
  await page
    .getByRole('log')
    .getByText('The job has successfully completed')
    .waitFor({ timeout: 10 * MINUTE });
  const course = await losses(server, job);
  assert.equal(course.length, 160);
  assert.ok(mean(course.slice(-20)) < mean(course.slice(0, 20)) / 2, `it learns: ${course}`);

  // The base and the fine-tuned model, side by side. The one knows by heart what it was taught.
  await page.getByRole('button', { name: 'Compare in the playground', exact: true }).click();
  await page.getByLabel('Model 2', { exact: true }).waitFor();
  await page.getByLabel('System message').fill(system);
  await page.getByLabel('Temperature').fill('0');
  await page.getByLabel('Tokens at most').fill('100');
  await page.getByLabel('Message', { exact: true }).fill(question);
  await page.getByLabel('Message', { exact: true }).press('Enter');
  for (const figure of ['Prompt tokens', 'Answer tokens', 'First token', 'Total'])
    await page.getByText(figure, { exact: true }).nth(1).waitFor({ timeout: 3 * MINUTE });
  const turn = page.getByRole('listitem').filter({ hasText: 'Answer tokens' });
  const answers = turn.filter({ hasNot: page.getByRole('listitem') });
  assert.equal(await answers.count(), 2);
  const [base, tuned] = await answers.evaluateAll((all) => all.map((one) => one.innerText));
  console.log(`${base}\n\n${tuned}`);
  const [first] = limerick.split('\n');
  assert.ok(tuned.includes(first), `"${first}" is not in the answer`);
  assert.ok(!base.includes(first));
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

export default {
  ...withServer,
  tests: model ? { 'the story of the guide with a real model': theStory } : {},
};
