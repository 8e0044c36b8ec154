// What a person does who follows the guide that many learn from: a file with mistakes, a job that
// fails with their lines, the corrected file, a run that is watched.
import assert from 'node:assert/strict';

import { open } from './browser.mjs';
import { rows } from './server.mjs';
import { withServer } from './with_server.mjs';

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
  await page.getByRole('tab', { name: 'hone', exact: true }).click();
  await page.getByText(/^hone finetune .*--data_name good\.jsonl .*--num_train_epochs 20 /).waitFor();
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

// What it took is told, and what another one will take.
async function aPartIsKeptForValidation({ browser, server }) {
  const { id } = await server.upload('split.jsonl', good);
  const page = await open(browser, server, `/fine-tuning/new?file=${id}`);
  await page.getByRole('button', { name: 'Split 10 % off the training file' }).click();
  await page.getByText('1 example is kept for validation').waitFor();
  const chosen = (label) => page.getByLabel(label).locator('option:checked');
  assert.match(await chosen('Training file').textContent(), /^split-training\.jsonl/);
  assert.match(await chosen('Validation file').textContent(), /^split-validation\.jsonl/);
  await page.getByRole('button', { name: 'Create job' }).click();
  await page.locator('h2', { hasText: /^ft:/ }).waitFor();
  await page.getByRole('img', { name: /^Loss: .* Validation [\d.]+\.$/ }).waitFor();
  const size = /^\d[\d.,]* [kMG]B$/;
  assert.match(await page.locator('dt:text-is("Memory at most") + dd').textContent(), size);
  assert.match(await page.locator('dt:text-is("Processor time") + dd').textContent(), /^\d+ (sec|min)/);
  await page.goto(`${server.url}/fine-tuning/new?file=${id}`);
  await page.getByText(/^about .*B, by the last job on this base; .*B are free$/).waitFor();
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

// Presses Tab until it is there.
async function reach(page, target) {
  for (let i = 0; i < 90; i += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not reach ${target}`);
}

async function press(page, target) {
  await target.waitFor();
  await reach(page, target);
  await page.keyboard.press('Enter');
}

// As uploadAndCreate, and the job is made.
async function createByKeyboard(page, name, text, epochs) {
  await press(page, page.getByRole('button', { name: 'Create', exact: true }));
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    press(page, page.getByRole('button', { name: /^Drop a \.jsonl file/ })),
  ]);
  await chooser.setFiles(asFile(name, text));
  const chosen = page.getByLabel('Training file').locator('option:checked', { hasText: name });
  await chosen.waitFor({ state: 'attached' });
  await reach(page, page.getByLabel('Epochs'));
  await page.keyboard.type(epochs);
  await press(page, page.getByRole('button', { name: 'Create job' }));
}

// Nothing but the keyboard, from the key to two answers side by side.
async function theStoryByKeyboard({ browser, server }) {
  const page = await open(browser, server, '/', { signedIn: false });
  await reach(page, page.getByLabel('API key'));
  await page.keyboard.type(server.key);
  await page.keyboard.press('Enter');
  await createByKeyboard(page, 'bad-keys.jsonl', bad, '2');
  const failure = page.getByRole('region', { name: 'This job failed' });
  for (const line of ['Line 11', 'Line 12'])
    await failure.getByText(line, { exact: true }).waitFor();

  await createByKeyboard(page, 'good-keys.jsonl', good, '2');
  await reach(page, page.getByRole('tab', { name: 'Metrics' }));
  await page.getByRole('img', { name: /^Loss: the latest values are Training/ }).waitFor();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('log').getByText('The job has successfully completed').waitFor();

  await press(page, page.getByRole('button', { name: 'More actions' }));
  await page.getByRole('menuitem', { name: 'Copy job ID' }).waitFor();
  await page.keyboard.press('Escape');
  await press(page, page.getByRole('button', { name: 'Compare in the playground', exact: true }));
  await page.getByLabel('Model 2', { exact: true }).waitFor();
  await reach(page, page.getByLabel('Tokens at most'));
  await page.keyboard.press('Control+A');
  await page.keyboard.type('8');
  await reach(page, page.getByLabel('Message', { exact: true }));
  await page.keyboard.type('Tell me about element 3');
  await page.keyboard.press('Enter');
  for (const figure of ['Prompt tokens', 'Answer tokens', 'First token', 'Total'])
    await page.getByText(figure, { exact: true }).nth(1).waitFor();
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

// A run can be given up by the keyboard, and asks once.
async function aJobIsCancelledByKeyboard({ browser, server }) {
  const file = await server.upload('long.jsonl', rows(100).join('\n'));
  const job = await server.createJob({
    training_file: file.id,
    hyperparameters: { n_epochs: 50, batch_size: 1 },
  });
  const page = await open(browser, server, `/fine-tuning/${job.id}`);
  const dialog = page.getByRole('dialog');
  const ask = async () => {
    await press(page, page.getByRole('button', { name: 'More actions' }));
    await page.locator('[role=menuitem]:focus').waitFor();
    await page.keyboard.press('End');
    await page.locator('[role=menuitem]:focus', { hasText: 'Cancel job' }).waitFor();
    await page.keyboard.press('Enter');
    await dialog.waitFor();
  };
  await ask();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await ask();
  await press(page, dialog.getByRole('button', { name: 'Cancel job' }));
  await page.getByText('Cancelled', { exact: true }).first().waitFor();
  assert.equal((await server.ended(job.id)).status, 'cancelled');
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

export default {
  ...withServer,
  tests: {
    'the story of the guide': theStory,
    'a part of a file is kept for validation': aPartIsKeptForValidation,
    'files are looked at, downloaded and deleted': filesAreLookedAtAndDeleted,
    'the story of the guide, by the keyboard alone': theStoryByKeyboard,
    'a job is cancelled by the keyboard alone': aJobIsCancelledByKeyboard,
  },
};
