// A run of a hundred thousand steps: the panels answer at once.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { launch, open } from './browser.mjs';
import { rows, Server } from './server.mjs';
import { withServer } from './with_server.mjs';

const EVENTS = 100_000; // with two figures each: 200,000 points
const AT_MOST_MS = 100;

// The longest time that the page was busy at a stretch while `act` was done and a moment longer,
// over a few tries: the best of them is the page's, the others may be another program's.
async function busy(page, act, tries = 3) {
  const times = [];
  for (let i = 0; i < tries; i += 1) {
    await page.evaluate(() => {
      globalThis.longest = 0;
      globalThis.observer ??= new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
          globalThis.longest = Math.max(globalThis.longest, entry.duration);
      });
      globalThis.observer.observe({ type: 'longtask' });
    });
    await act(i);
    await page.waitForTimeout(250);
    times.push(await page.evaluate(() => globalThis.longest));
  }
  return Math.min(...times);
}

const blockTheTab = (ms) =>
  new Promise((resolve) => {
    setTimeout(() => {
      const until = performance.now() + ms;
      while (performance.now() < until);
      resolve();
    });
  });

async function thePanelsAnswerAtOnce({ browser, server, job }) {
  const page = await open(browser, server, `/fine-tuning/${job.id}`);
  const start = performance.now();
  await page.getByText('Complete', { exact: true }).waitFor({ timeout: 60_000 });
  const loaded = Math.round(performance.now() - start);
  const took = {};
  const chart = page.locator('.uplot').first();
  await chart.scrollIntoViewIfNeeded();
  const box = await chart.boundingBox();
  const at = (share) => [box.x + box.width * share, box.y + box.height / 2];

  // The measure itself sees a task that takes long; it tells of none below 50 ms.
  const known = await busy(page, () => page.evaluate(blockTheTab, 80), 1);
  assert.ok(known >= 75, `a task of 80 ms took ${known} ms`);

  took.smoothing = await busy(page, async (i) => {
    await page.getByLabel('Smoothing').fill(String(0.5 + i / 10));
  });
  took.logarithmic = await busy(page, () => page.getByLabel('Logarithmic').click());
  took.hover = await busy(page, async () => {
    for (const share of [0.3, 0.4, 0.5]) await page.mouse.move(...at(share));
  });
  took.zoom = await busy(page, async () => {
    await page.mouse.move(...at(0.4));
    await page.mouse.down();
    await page.mouse.move(...at(0.6), { steps: 3 });
    await page.mouse.up();
  });
  took.wholeRun = await busy(page, () => page.getByRole('button', { name: 'Whole run' }).click(), 1);
  took.panels = await busy(page, async () => {
    await page.getByRole('tab', { name: 'Messages' }).click();
    await page.getByRole('tab', { name: 'Metrics' }).click();
  });
  await page.getByRole('tab', { name: 'Messages' }).click();
  const log = page.getByRole('log');
  await log.getByText('The job has successfully completed').or(log.getByText(/^Step /)).first().waitFor();
  took.search = await busy(page, (i) => page.getByLabel('Search messages').fill(`loss=2.${i}`));
  await page.getByLabel('Search messages').fill('');
  took.steps = await busy(page, () => page.getByLabel('Show steps').click());
  await page.getByLabel('Show steps').check();
  took.scroll = await busy(page, async (i) => {
    await log.evaluate((element, part) => (element.scrollTop = element.scrollHeight * part), i / 4);
    await page.mouse.wheel(0, 400);
  });
  const drawn = await log.locator('[data-index]').count();
  console.log(`${EVENTS} events are read in ${loaded} ms; busy for at most (ms):`, took);
  assert.ok(drawn < 100, `${drawn} rows are drawn`);
  for (const [what, ms] of Object.entries(took))
    assert.ok(ms < AT_MOST_MS, `${what} keeps the page busy for ${ms} ms`);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

export default {
  ...withServer,
  async setUp() {
    const server = new Server();
    await server.start();
    const file = await server.upload('many.jsonl', rows(12).join('\n'));
    const job = await server.createJob({ training_file: file.id });
    await server.ended(job.id);
    await server.stop();
    const add = fileURLToPath(new URL('add_events.py', import.meta.url));
    execFileSync('python3', [add, join(server.folder, 'data/hone.db'), job.id, String(EVENTS)]);
    await server.start();
    return { server, browser: await launch(), job };
  },
  tests: { 'a hundred thousand events and twice as many points': thePanelsAnswerAtOnce },
};
