#!/usr/bin/env node
// Makes the pictures of docs/images anew: screenshots.mjs --hone PROGRAM. SmolLM2-135M-Instruct, which hone's cache
// must have, is trained on examples/elements, with some of the file's lines spoilt first. With --every FOLDER, each
// picture goes there in both themes and both languages instead, to be looked at.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { hone: { type: 'string', default: 'build/release/hone' }, every: { type: 'string' } },
});
process.env.HONE = resolve(values.hone);
process.env.CHROMIUM ??= '/usr/bin/chromium';
process.env.HONE_BROWSER_MODEL = 'smollm2-135m-instruct';
const { choose, launch, LOOKS, open } = await import('./browser.mjs');
const { Server } = await import('./server.mjs');

const root = fileURLToPath(new URL('../../', import.meta.url));
const examples = readFileSync(`${root}examples/elements/train.jsonl`, 'utf8').trim().split('\n');
const server = new Server();
await server.start();
const browser = await launch();

// The page at `path` once `sign` is there and `act` is done, in English until then.
async function shoot(name, path, sign, options = {}) {
  const { theme = 'light', language = 'en', act, signedIn, viewport = { width: 1280, height: 860 } } = options;
  const page = await open(browser, server, path, { viewport, signedIn });
  await page.locator(sign).first().waitFor({ timeout: 120_000 });
  if (act) await act(page);
  for (const look of values.every ? LOOKS : [{ theme, language }]) {
    await choose(page, look);
    await page.waitForTimeout(400);
    const file = values.every
      ? join(values.every, `${name}-${look.theme}-${look.language}.png`)
      : `${root}docs/images/${name}.png`;
    await page.screenshot({ path: file });
    console.log(file);
  }
  await page.context().close();
}

async function createJob(epochs, multiplier, others) {
  const hyperparameters = { n_epochs: epochs, batch_size: 2, learning_rate_multiplier: multiplier };
  const method = { type: 'supervised', supervised: { hyperparameters } };
  return server.createJob({ seed: 7, method, metadata: { team: 'chemistry' }, ...others });
}

const lines = examples.slice(0, 40);
const spoilt = [...lines.slice(0, 20), lines[20].slice(0, 60), '{"prompt": "Tell me about Iron"}', ...lines.slice(21, 30)];
const bad = await server.upload('training-data.jsonl', spoilt.join('\n'));
const failed = await server.createJob({ training_file: bad.id, suffix: 'limericks' });
await server.ended(failed.id);
const { id: training_file } = await server.upload('training-data.jsonl', lines.join('\n'));
const { id: validation_file } = await server.upload('validation.jsonl', examples.slice(40, 52).join('\n'));
const job = await createJob(8, 4, { training_file, validation_file, suffix: 'limericks' });
const other = await createJob(4, 2, { training_file, validation_file, suffix: 'short' });
await shoot('job-failed', `/fine-tuning/${failed.id}`, 'ol pre');
await shoot('file', `/files/${training_file}`, 'text=<|im_start|>');
const down = (page) =>
  page.getByRole('tablist').first().evaluate((element) => element.scrollIntoView({ block: 'start' }));
await shoot('job-messages', `/fine-tuning/${job.id}`, '.uplot', {
  theme: 'dark',
  act: async (page) => {
    await page.getByRole('tab', { name: 'Messages' }).click();
    await page.getByRole('log').getByText(/^Step 20\//).waitFor({ timeout: 200_000 });
  },
});
const done = await server.ended(job.id);
await server.ended(other.id);
await shoot('create', `/fine-tuning/new?file=${training_file}`, 'text=What it will be', {
  viewport: { width: 1280, height: 1240 },
});
await shoot('job', `/fine-tuning/${job.id}`, '.uplot');
await shoot('job-metrics', `/fine-tuning/${job.id}`, '.uplot', { theme: 'dark', act: down });
await shoot('job-arabic', `/fine-tuning/${job.id}`, '.uplot', { language: 'ar' });
await shoot('phone', `/fine-tuning/${job.id}`, '.uplot', { viewport: { width: 390, height: 800 } });
await shoot('compare', `/compare?job=${job.id}&job=${other.id}`, 'table');
// Which kernel this machine has is nobody's matter.
const asAnyMachine = async (page) => {
  await page.route('**/api/system', async (route) => {
    const response = await route.fetch();
    const system = await response.json();
    system.machine.system = 'Linux x86_64';
    await route.fulfill({ response, json: system });
  });
  await page.getByText('Linux x86_64').waitFor();
};
const models = [done.model, done.fine_tuned_model].map((id) => `model=${encodeURIComponent(id)}`);
await shoot('playground', `/playground?${models.join('&')}`, '#content textarea', {
  act: async (page) => {
    await page.getByLabel('System message').fill(JSON.parse(lines[0]).messages[0].content);
    await page.getByLabel('Tokens at most').fill('80');
    await page.getByLabel('Message', { exact: true }).fill('Tell me about Helium');
    await page.getByLabel('Message', { exact: true }).press('Enter');
    await page.getByText('Tokens/s').nth(1).waitFor({ timeout: 200_000 });
  },
});
await shoot('models', `/models/${done.fine_tuned_model}`, 'a[href^="/fine-tuning/ftjob"]');
await shoot('system', '/system', 'meter', { theme: 'dark', act: asAnyMachine });
await server.call('/api/webhooks', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ url: 'https://lab.example/hone', events: ['fine_tuning.job.succeeded', 'fine_tuning.job.failed'] }),
});
await shoot('webhooks', '/system/webhooks', 'td');
await shoot('audit', '/system/audit', 'td');
await shoot('fetch', '/models', 'a[href^="/models/"]', {
  act: async (page) => {
    await page.getByRole('button', { name: /^Fetch another base model|^Fetch a base model/ }).first().click();
    await page.getByRole('dialog').getByLabel('Model').selectOption('qwen2.5-0.5b-instruct');
  },
});
await shoot('sign-in', '/', 'input', { signedIn: false });
await browser.close();
await server.close();
