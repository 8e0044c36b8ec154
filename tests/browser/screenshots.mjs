#!/usr/bin/env node
// Makes the pictures of docs/images anew: screenshots.mjs --hone PROGRAM. SmolLM2-135M-Instruct, which hone's cache
// must have, is trained on examples/elements, with some of the file's lines spoilt first.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { hone: { type: 'string', default: 'build/release/hone' } } });
process.env.HONE = resolve(values.hone);
process.env.CHROMIUM ??= '/usr/bin/chromium';
process.env.HONE_BROWSER_MODEL = 'smollm2-135m-instruct';
const { launch, open } = await import('./browser.mjs');
const { Server } = await import('./server.mjs');

const root = fileURLToPath(new URL('../../', import.meta.url));
const examples = readFileSync(`${root}examples/elements/train.jsonl`, 'utf8').trim().split('\n');
const server = new Server();
await server.start();
const browser = await launch();

async function shoot(name, path, sign, options = {}) {
  const page = await open(browser, server, path, { viewport: { width: 1280, height: 860 }, ...options });
  await page.locator(sign).first().waitFor({ timeout: 120_000 });
  if (options.act) await options.act(page);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${root}docs/images/${name}.png` });
  await page.context().close();
  console.log(`docs/images/${name}.png`);
}

const lines = examples.slice(0, 40);
const spoilt = [...lines.slice(0, 20), lines[20].slice(0, 60), '{"prompt": "Tell me about Iron"}', ...lines.slice(21, 30)];
const bad = await server.upload('training-data.jsonl', spoilt.join('\n'));
const failed = await server.createJob({ training_file: bad.id, suffix: 'limericks' });
await server.ended(failed.id);
const good = await server.upload('training-data.jsonl', lines.join('\n'));
const validation = await server.upload('validation.jsonl', examples.slice(40, 52).join('\n'));
const job = await server.createJob({
  training_file: good.id,
  validation_file: validation.id,
  suffix: 'limericks',
  seed: 7,
  metadata: { team: 'chemistry' },
  method: {
    type: 'supervised',
    supervised: { hyperparameters: { n_epochs: 8, batch_size: 2, learning_rate_multiplier: 4 } },
  },
});
await shoot('job-failed', `/fine-tuning/${failed.id}`, 'ol pre');
await shoot('file', `/files/${good.id}`, 'text=<|im_start|>');
await shoot('create', `/fine-tuning/new?file=${good.id}`, 'text=What it will be', {
  viewport: { width: 1280, height: 1180 },
});
const down = (page) =>
  page.getByRole('tablist').first().evaluate((element) => element.scrollIntoView({ block: 'start' }));
await shoot('job-messages', `/fine-tuning/${job.id}`, '.uplot', {
  theme: 'dark',
  act: async (page) => {
    await page.getByRole('tab', { name: 'Messages' }).click();
    await page.getByRole('log').getByText(/^Step 20\//).waitFor({ timeout: 200_000 });
  },
});
await server.ended(job.id);
await shoot('job', `/fine-tuning/${job.id}`, '.uplot');
await shoot('job-metrics', `/fine-tuning/${job.id}`, '.uplot', { theme: 'dark', act: down });
await shoot('job-arabic', `/fine-tuning/${job.id}`, '.uplot', { language: 'ar' });
await shoot('phone', `/fine-tuning/${job.id}`, '.uplot', { viewport: { width: 390, height: 800 } });
const models = [done.model, done.fine_tuned_model].map((id) => `model=${encodeURIComponent(id)}`);
await shoot('playground', `/playground?${models.join('&')}`, '#content textarea', {
  act: async (page) => {
    await page.getByLabel('System message').fill(SYSTEM);
    await page.getByLabel('Message', { exact: true }).fill('Tell me about Helium');
    await page.getByLabel('Message', { exact: true }).press('Enter');
    await page.getByText('Tokens/s').nth(1).waitFor({ timeout: 200_000 });
  },
});
await shoot('models', `/models/${done.fine_tuned_model}`, 'a[href^="/fine-tuning/ftjob"]');
await shoot('system', '/system', 'meter', { theme: 'dark' });
await browser.close();
await server.close();
