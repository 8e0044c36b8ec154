// Base models that are fetched from the page, from a hub on this machine.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { choose, launch, LOOKS, open, violations } from './browser.mjs';
import { Hub } from './hub.mjs';
import { rows, Server } from './server.mjs';

// Opens the dialog and asks for a repository of the hub, by the keyboard alone.
async function ask(page, repository) {
  const button = page.getByRole('button', { name: /^Fetch another base model|^Fetch a base model/ });
  await button.first().focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Model').press('End');
  const name = dialog.getByLabel('Repository');
  await name.pressSequentially(repository);
  assert.equal(await name.inputValue(), repository);
  await name.press('Enter');
}

async function noViolationsIn(page) {
  for (const look of LOOKS) {
    await choose(page, look);
    assert.deepEqual(await violations(page), [], `${look.theme} ${look.language}`);
  }
  await choose(page, LOOKS[0]);
}

const progressOf = (page) => page.getByRole('progressbar', { name: 'Fetching little' });

async function aPullIsCancelled({ browser, server, hub }) {
  hub.held = true;
  const page = await open(browser, server, '/models');
  await ask(page, 'org/little');
  await progressOf(page).waitFor();
  await page.getByText(/kB of .*kB/).waitFor();
  await noViolationsIn(page);
  await page.getByRole('button', { name: 'Cancel fetching little' }).press('Enter');
  await page.getByText('Fetching little is cancelled.', { exact: false }).waitFor();
  await progressOf(page).waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('link', { name: 'little' }).count(), 0);
  hub.drop(); // the server may not have closed its end yet, and would take the rest
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function aFailureNamesTheCure({ browser, server, hub }) {
  const page = await open(browser, server, '/fine-tuning/new');
  await ask(page, 'nonsense');
  await page.getByRole('alert').getByText('neither a name of the catalogue').waitFor();
  await page.keyboard.press('Escape');
  await ask(page, 'org/none');
  await page.getByText(`check the name at ${hub.url}/org/none`, { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Fetch none again' }).waitFor();
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

// A name of the catalogue says what it is.
async function theCatalogueIsShown({ browser, server }) {
  const page = await open(browser, server, '/models');
  await page.getByRole('button', { name: 'Fetch a base model' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Model').selectOption('smollm2-135m');
  await dialog.getByText('135 M parameters, goes on with a text, 8k tokens', { exact: false }).waitFor();
  await dialog.getByLabel('Model').selectOption('llama-3.2-1b-instruct');
  await dialog.getByText('HF_TOKEN', { exact: false }).waitFor();
  await noViolationsIn(page);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

// Found again by a reload, and a base that a job can be planned for, before there was one.
async function aBaseIsFetchedAndPlannedFor({ browser, server, hub }) {
  hub.held = true;
  const { id } = await server.upload('good.jsonl', rows(12).join('\n'));
  const page = await open(browser, server, `/fine-tuning/new?file=${id}`);
  await page.getByText(/^about .*, by a step measured on this machine$/).waitFor();
  await ask(page, 'org/little');
  await progressOf(page).waitFor();
  await page.reload();
  await progressOf(page).waitFor();
  hub.release();
  await page.getByText('little is here, and can be fine-tuned.').waitFor();
  await page.waitForFunction(() =>
    [...document.querySelectorAll('select')].some((one) => one.value === 'little'),
  );
  await page.getByText(/^about .*B, planned for this model; .*B are free$/).waitFor();
  await page.getByRole('button', { name: 'Create job' }).click();
  await page.locator('h2', { hasText: /^ft:little:/ }).waitFor({ timeout: 60_000 });
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function onlyAnAdminFetches({ browser, server }) {
  const made = await server.call('/api/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'member', role: 'member' }),
  });
  for (const [method, path] of [
    ['GET', '/api/catalogue'],
    ['GET', '/api/pulls'],
    ['POST', '/api/pulls'],
  ]) {
    const answer = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${made.secret}`, 'content-type': 'application/json' },
      ...(method === 'POST' ? { body: '{"model": "org/little"}' } : {}),
    });
    assert.equal(answer.status, 403, path);
  }
  const page = await open(browser, { ...server, key: made.secret, url: server.url }, '/models');
  await page.getByRole('link', { name: 'tiny' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Fetch a base model' }).count(), 0);
  await page.context().close();
}

// After the job on it is over and what it made is gone.
async function aBaseIsRemoved({ browser, server }) {
  const { data: jobs } = await server.call('/api/fine_tuning/jobs?model=little');
  const { fine_tuned_model: made } = await server.ended(jobs[0].id);
  assert.match(made, /^ft:little:/);
  const page = await open(browser, server, '/models/little');
  const remove = page.getByRole('button', { name: 'Remove' });
  const dialog = page.getByRole('dialog');
  await remove.press('Enter');
  await noViolationsIn(page);
  await dialog.getByRole('button', { name: 'Keep it' }).press('Enter');
  await remove.press('Enter');
  await dialog.getByRole('button', { name: 'Remove' }).press('Enter');
  await page.getByText(/stand.* on it, in this project or others/).waitFor();
  const { data: models } = await server.call('/v1/models');
  for (const { id } of models)
    if (id.startsWith('ft:little:'))
      await server.call(`/v1/models/${encodeURIComponent(id)}`, { method: 'DELETE' });
  const files = join(server.folder, 'cache/models/org--little');
  assert.ok(existsSync(files));
  await remove.press('Enter');
  await dialog.getByRole('button', { name: 'Remove' }).press('Enter');
  await page.getByText(/^little is removed: .*B are free again\.$/).waitFor();
  await page.getByRole('link', { name: 'little', exact: true }).waitFor({ state: 'detached' });
  assert.ok(!existsSync(files));
  // One that the server was started with has no such button.
  await page.getByRole('link', { name: 'tiny', exact: true }).press('Enter');
  await page.getByRole('button', { name: 'Fine-tune', exact: true }).waitFor();
  await page.getByText('Architecture').waitFor();
  assert.equal(await remove.count(), 0);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

export default {
  async setUp() {
    const hub = new Hub();
    await hub.start();
    const server = new Server();
    server.environment = {
      HF_HUB_OFFLINE: '',
      HF_ENDPOINT: hub.url,
      HF_HOME: join(server.folder, 'huggingface'),
      HONE_CACHE: join(server.folder, 'cache'),
    };
    await server.start();
    return { server, hub, browser: await launch() };
  },
  async tearDown({ server, hub, browser }) {
    await browser.close();
    hub.close();
    await server.close();
  },
  tests: {
    'fetching a base is cancelled': aPullIsCancelled,
    'a base that cannot be fetched says what to do': aFailureNamesTheCure,
    'the catalogue says what each model is': theCatalogueIsShown,
    'a base is fetched through a reload, planned for and trained': aBaseIsFetchedAndPlannedFor,
    'only an admin fetches bases': onlyAnAdminFetches,
    'a base is removed once nothing needs it': aBaseIsRemoved,
  },
};
