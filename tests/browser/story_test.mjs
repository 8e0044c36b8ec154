// What a person does who follows the guide that many learn from: a file with mistakes, a job that
// fails with their lines, the corrected file, a run that is watched.
import assert from 'node:assert/strict';

import { launch, open } from './browser.mjs';
import { rows, Server } from './server.mjs';

const bad = [...rows(10), '{"messages": [{"role": "user"', '{"text": "x"}'].join('\n');
const good = rows(12).join('\n');

const asFile = (name, text) => ({
  name,
  mimeType: 'application/jsonl',
  buffer: Buffer.from(text),
});

async function uploadAndCreate(page, name, text) {
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByLabel('Training file').waitFor();
  await page.locator('input[type=file]').setInputFiles(asFile(name, text));
  await page.locator('select', { hasText: name }).last().waitFor();
  await page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll('select')].some((one) =>
        one.selectedOptions[0]?.textContent.startsWith(wanted),
      ),
    name,
  );
  await page.getByLabel('Suffix').fill('limericks');
}

async function theStory({ browser, server }) {
  const page = await open(browser, server, '/', { signedIn: false });
  await page.getByLabel('API key').fill('sk-wrong');
  await page.keyboard.press('Enter');
  await page.getByText('The server does not know this key.').waitFor();
  await page.getByLabel('API key').fill(server.key);
  await page.keyboard.press('Enter');
  await page.getByText('Teach a model your own examples').waitFor();

  // The file with mistakes: they are told before the job, and the job fails with them.
  await uploadAndCreate(page, 'bad.jsonl', bad);
  await page.getByText('2 lines of the file cannot be used').waitFor();
  await page.getByRole('button', { name: 'Create job' }).click();
  const failure = page.getByRole('region', { name: 'This job failed' });
  await failure.getByText('Line 11', { exact: true }).waitFor();
  await failure.getByText('{"messages": [{"role": "user"', { exact: true }).waitFor();
  await failure.getByText('Line 12', { exact: true }).waitFor();

  // The corrected one: curves and messages come while it runs.
  await uploadAndCreate(page, 'good.jsonl', good);
  await page.getByText('about', { exact: false }).first().waitFor();
  await page.getByLabel('Epochs').fill('20');
  await page.getByRole('button', { name: 'Create job' }).click();
  await page.getByRole('img', { name: /^Loss: the latest values are Training/ }).waitFor();
  await page.getByRole('tab', { name: 'Messages' }).click();
  await page.getByRole('log').getByText('The job has successfully completed').waitFor({ timeout: 60_000 });
  await page.locator('h2', { hasText: /^ft:.*:limericks:/ }).waitFor();
  await page.getByRole('row', { name: /ckpt-step-/ }).first().waitFor();

  const steps = page.getByLabel('Show steps');
  await steps.uncheck();
  await page.getByText(/^\d+ messages$/).waitFor();
  assert.equal(await page.getByRole('log').getByText(/^Step \d+\//).count(), 0);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function filesAreLookedAtAndDeleted({ browser, server }) {
  const page = await open(browser, server, '/files');
  await page.locator('input[type=file]').setInputFiles(asFile('look.jsonl', good));
  await page.getByRole('heading', { name: 'look.jsonl' }).waitFor();
  await page.getByText('Every line can be used.').waitFor();
  const trained = page.getByText('Element 0, oh so light', { exact: false }).first();
  assert.match(await trained.evaluate((element) => element.className), /trained/);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'look.jsonl');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Deleted look.jsonl.').waitFor();
  assert.equal(await page.getByRole('link', { name: /look\.jsonl/ }).count(), 0);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

// Nothing but the keyboard, from the key to the running job.
async function theStoryByKeyboard({ browser, server }) {
  const file = await server.upload('keys.jsonl', good);
  const page = await open(browser, server, `/fine-tuning/new?file=${file.id}`);
  const press = async (role, name) => {
    for (let i = 0; i < 60; i += 1) {
      await page.keyboard.press('Tab');
      const found = await page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
      const label = await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');
      if (found === name || label === name) return;
    }
    assert.fail(`Tab does not reach the ${role} ${name}`);
  };
  await page.getByText('What it will be').waitFor();
  await press('button', 'Create job');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/fine-tuning\/ftjob-/);
  await press('button', 'More actions');
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Copy job ID' }).waitFor();
  await page.keyboard.press('End');
  const cancels = await page.evaluate(() => document.activeElement?.textContent);
  if (cancels === 'Cancel job') {
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

export default {
  async setUp() {
    const server = new Server();
    await server.start();
    return { server, browser: await launch() };
  },
  async tearDown({ server, browser }) {
    await browser.close();
    await server.close();
  },
  tests: {
    'the story of the guide': theStory,
    'files are looked at, downloaded and deleted': filesAreLookedAtAndDeleted,
    'a job is created and looked at by the keyboard alone': theStoryByKeyboard,
  },
};
