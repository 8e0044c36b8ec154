// Models once they are made: asked side by side, voted on, compared, looked at and deleted; and who
// may do that.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { choose, launch, LOOKS, open, violations } from './browser.mjs';
import { rows, Server } from './server.mjs';
import { withServer } from './with_server.mjs';

const message = (page) => page.getByLabel('Message', { exact: true });

async function ask(page, text) {
  await message(page).fill(text);
  await message(page).press('Enter');
}

const textOf = async (download) => readFileSync(await download.path(), 'utf8');

async function asked({ browser, server, job }) {
  const page = await open(browser, server, `/fine-tuning/${job.id}`);
  await page.getByRole('button', { name: 'Compare in the playground', exact: true }).click();
  await page.getByLabel('Model 2', { exact: true }).waitFor();
  assert.equal(await page.getByLabel('Model 1', { exact: true }).inputValue(), job.model);
  assert.equal(await page.getByLabel('Model 2', { exact: true }).inputValue(), job.fine_tuned_model);
  await page.getByRole('slider', { name: 'Temperature' }).fill('0.5');
  await page.getByLabel('Tokens at most').fill('8');
  await page.getByLabel('Show probabilities of tokens').check();
  await ask(page, 'Tell me about element 3');
  for (const figure of ['Prompt tokens', 'Answer tokens', 'First token', 'Total'])
    await page.getByText(figure, { exact: true }).nth(1).waitFor();
  const tokens = page.getByRole('listbox', { name: 'Tokens' }).first();
  await tokens.focus();
  await page.keyboard.press('End');
  assert.equal(await tokens.getByRole('option', { selected: true }).count(), 1);
  assert.ok((await page.getByRole('table', { name: 'What could stand here' }).count()) === 2);

  // Another turn, then the first one in other words: what came after it goes.
  await ask(page, 'And element 4?');
  await page.getByRole('button', { name: 'Send' }).waitFor();
  await page.getByRole('button', { name: 'Edit the message' }).first().click();
  await page.locator('form textarea').first().fill('Tell me about element 5');
  await page.getByRole('button', { name: 'Run again', exact: true }).first().click();
  await page.getByText('And element 4?').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Send' }).waitFor();

  // It is still there after a reload, and in a link without the key.
  await page.reload();
  await page.getByText('Tell me about element 5').waitFor();
  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.getByText('The link is copied.', { exact: false }).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(!link.includes(server.key));
  await page.getByRole('button', { name: 'New conversation' }).click();
  await page.goto(link);
  await page.getByText('Tell me about element 5').waitFor();
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function waitsForAModel({ browser, server }) {
  const page = await open(browser, server, '/playground?model=tiny');
  let refusals = 0;
  await page.route('**/v1/chat/completions', (route) => {
    refusals += 1;
    if (refusals > 1) return route.continue();
    const error = { message: 'The model starts.', type: 'server_error', param: null, code: null };
    return route.fulfill({ status: 503, headers: { 'retry-after': '1' }, json: { error } });
  });
  await page.getByLabel('Tokens at most').fill('4');
  await ask(page, 'Hello');
  await page.getByText(/The model starts\. Trying again in/).waitFor();
  await page.getByText('Answer tokens', { exact: true }).waitFor();
  await page.unroute('**/v1/chat/completions');
  await page.getByLabel('Tokens at most').fill('100000');
  await ask(page, 'Hello again');
  await page.getByRole('alert').or(page.getByText('Total', { exact: true }).nth(1)).waitFor();
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function votedOn({ browser, server, job }) {
  const page = await open(browser, server, '/fine-tuning');
  await page.goto(`${server.url}/playground?model=${job.model}&model=${job.fine_tuned_model}`);
  await page.getByLabel('Hide which model answers').check();
  await page.getByLabel('Tokens at most').fill('8');
  await ask(page, 'Tell me about element 1');
  const vote = page.getByRole('group', { name: 'Which answer is better?' });
  await vote.waitFor();
  assert.equal(await page.getByText('Answer tokens', { exact: true }).count(), 0);
  assert.ok(await page.getByRole('button', { name: 'Send' }).isDisabled());
  await vote.getByRole('button', { name: 'Answer 2' }).press('Enter');
  await page.getByText('Chosen').waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export 1 pair' }).click(),
  ]);
  const row = JSON.parse(await textOf(download));
  assert.deepEqual(row.input.messages, [{ role: 'user', content: 'Tell me about element 1' }]);
  assert.notDeepEqual(row.preferred_output, row.non_preferred_output);
  // The server takes such a file for DPO.
  const file = await server.upload('votes.jsonl', `${JSON.stringify(row)}\n`.repeat(10));
  assert.equal(file.status, 'processed', file.status_details);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function compared({ browser, server, job, other }) {
  const page = await open(browser, server, '/compare');
  await page.getByRole('checkbox', { name: new RegExp(job.id) }).check();
  await page.getByRole('checkbox', { name: new RegExp(other.id) }).check();
  await page.getByRole('img', { name: /^Training loss: .*first.*second|^Training loss: .*second.*first/ }).waitFor();
  const epochs = page.getByRole('row', { name: /^Epochs \(differs\)/ });
  await epochs.waitFor();
  const base = page.getByRole('row', { name: /^Base model/ });
  assert.equal(await base.count(), 1);
  await page.getByLabel('Only what differs').check();
  await base.waitFor({ state: 'detached' });
  await page.reload();
  await epochs.waitFor();
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function lookedAtAndDeleted({ browser, server, other }) {
  const model = other.fine_tuned_model;
  const page = await open(browser, server, `/models/${model}`);
  const lineage = page.getByRole('region', { name: 'Lineage' });
  await lineage.getByRole('link', { name: other.id }).waitFor();
  await lineage.getByRole('link', { name: 'tiny', exact: true }).waitFor();
  for (const kind of ['Adapter (PEFT)', 'Merged model (safetensors)']) {
    await page.getByRole('button', { name: 'Download' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: kind }).click(),
    ]);
    assert.match(await textOf(download), /\.safetensors/);
  }
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText(`The model ${model} is deleted.`).waitFor();
  assert.equal(await page.locator(`a[href="/models/${model}"]`).count(), 0);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function aJobIsDeletedAndItsModelStays({ browser, server, job }) {
  const page = await open(browser, server, `/fine-tuning/${job.id}`);
  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: 'Delete job' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete job' }).click();
  await page.getByText(`The job ${job.id} is deleted.`).waitFor();
  await page.locator(`a[href="/fine-tuning/${job.id}"]`).waitFor({ state: 'detached' });
  await page.goto(`${server.url}/models/${job.fine_tuned_model}`);
  const lineage = page.getByRole('region', { name: 'Lineage' });
  await lineage.getByRole('link', { name: 'tiny', exact: true }).waitFor();
  await lineage.getByRole('link', { name: job.fine_tuned_model }).waitFor();
  assert.equal(await lineage.getByRole('link').count(), 2);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function keysAreGivenAndTakenBack({ browser, server }) {
  const page = await open(browser, server, '/system');
  await page.getByText('Processor', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Create key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('for a test');
  await dialog.getByLabel('Role').selectOption('viewer');
  await dialog.getByLabel('Name').press('Enter');
  const secret = await dialog.locator('code').textContent();
  await dialog.getByRole('button', { name: 'I have copied it' }).click();
  const viewer = await open(browser, { ...server, key: secret, url: server.url }, '/system');
  await viewer.getByText('Keys are shown to who signs in with an admin key.').waitFor();
  await page.getByRole('button', { name: 'Revoke: for a test' }).click();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('row', { name: /for a test.*Revoked/ }).waitFor();
  await viewer.getByText('The key is no longer accepted. Sign in again.').waitFor();
  assert.deepEqual([...page.wrong, ...viewer.wrong], []);
  await viewer.context().close();
  await page.context().close();
}

// By the keyboard: a project, a key for it, and the key taken back.
async function projectsAreMadeAndGetKeys({ browser, server }) {
  const page = await open(browser, server, '/system');
  const dialog = page.getByRole('dialog');
  await page.getByRole('row', { name: /^default proj_/ }).waitFor();
  await page.getByRole('button', { name: 'Create project' }).press('Enter');
  await dialog.getByLabel('Name').fill('team b');
  await page.keyboard.press('Enter');
  await dialog.getByRole('alert').getByText('1 to 64 letters', { exact: false }).waitFor();
  for (const look of LOOKS) {
    await choose(page, look);
    assert.deepEqual(await violations(page), [], `${look.theme} ${look.language}`);
  }
  await choose(page, LOOKS[0]);
  await dialog.getByLabel('Name').fill('team-b');
  await page.keyboard.press('Enter');
  await page.getByText('The project team-b is created.', { exact: false }).waitFor();
  await page.getByRole('row', { name: /^team-b proj_.* 0 0 0 0 bytes?$/ }).waitFor();
  await page.getByRole('button', { name: 'Create key' }).press('Enter');
  await dialog.getByLabel('Name').fill('theirs');
  await dialog.getByLabel('Project').selectOption('team-b');
  await dialog.getByLabel('Role').selectOption('admin');
  await dialog.getByLabel('Name').press('Enter');
  const secret = await dialog.locator('code').textContent();
  await dialog.getByRole('button', { name: 'I have copied it' }).press('Enter');
  await page.getByRole('row', { name: /^team-b proj_.* 1 0 0 0 bytes?$/ }).waitFor();
  await page.getByRole('row', { name: /^theirs .*Admin Active/ }).waitFor();
  // It is an admin of its own project, and of no other.
  const their = await open(browser, { ...server, key: secret, url: server.url }, '/system');
  await their.getByText('Projects are shown to', { exact: false }).waitFor();
  await their.getByRole('row', { name: /^theirs / }).waitFor();
  assert.equal(await their.getByLabel('Project', { exact: true }).count(), 0);
  await their.goto(`${server.url}/system/audit`);
  await their.getByRole('row', { name: /key\.create key_/ }).waitFor();
  await page.getByRole('button', { name: 'Revoke: theirs' }).press('Enter');
  await dialog.getByRole('button', { name: 'Revoke' }).press('Enter');
  await page.getByRole('row', { name: /^theirs .*Revoked/ }).waitFor();
  await page.getByLabel('Project', { exact: true }).selectOption('default');
  await page.getByRole('row', { name: /^first / }).waitFor();
  await page.goto(`${server.url}/system/audit`);
  await page.getByRole('row', { name: /project\.create proj_/ }).waitFor();
  assert.deepEqual([...page.wrong, ...their.wrong], []);
  await their.context().close();
  await page.context().close();
}

// Who is told of jobs, and what the audit log says of it.
async function webhooksAreMadeAndDeleted({ browser, server }) {
  const page = await open(browser, server, '/system');
  await page.getByRole('link', { name: 'Webhooks' }).press('Enter');
  await page.getByText('Nobody is told yet.', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Create webhook' }).press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Address').fill('http://127.0.0.1:9/hook');
  await dialog.getByLabel('succeeded').uncheck();
  await dialog.getByLabel('Address').press('Enter');
  assert.match(await dialog.locator('code').textContent(), /^whsec_/);
  await dialog.getByRole('button', { name: 'I have copied it' }).click();
  await page.getByRole('row', { name: /127\.0\.0\.1:9\/hook failed, were cancelled/ }).waitFor();
  const { data } = await server.call('/api/webhooks');
  assert.deepEqual(data[0].events, ['fine_tuning.job.failed', 'fine_tuning.job.cancelled']);
  await page.getByRole('button', { name: 'Delete: http://127.0.0.1:9/hook' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('The webhook is deleted.').waitFor();
  await page.getByRole('link', { name: 'System' }).first().press('Enter');
  await page.getByRole('link', { name: 'Audit log' }).press('Enter');
  await page.getByRole('row', { name: new RegExp(`webhook.delete ${data[0].id} key_`) }).waitFor();
  await page.getByRole('row', { name: new RegExp(`webhook.create ${data[0].id}`) }).waitFor();
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

export default {
  ...withServer,
  async setUp() {
    const server = new Server();
    await server.start();
    const { id } = await server.upload('good.jsonl', rows(12).join('\n'));
    const made = [];
    for (const [suffix, epochs] of [['first', 2], ['second', 3]]) {
      const hyperparameters = { n_epochs: epochs, batch_size: 4 };
      const job = await server.createJob({ training_file: id, suffix, hyperparameters });
      made.push(await server.ended(job.id));
    }
    const [job, other] = made;
    return { server, job, other, browser: await launch() };
  },
  tests: {
    'a model and its base are asked side by side': asked,
    'the playground waits for a model that starts': waitsForAModel,
    'blind votes become a file for DPO': votedOn,
    'runs are compared': compared,
    'keys are given and taken back': keysAreGivenAndTakenBack,
    'projects are made and get keys': projectsAreMadeAndGetKeys,
    'webhooks are made and deleted, and the log says so': webhooksAreMadeAndDeleted,
    'a model is looked at, downloaded and deleted': lookedAtAndDeleted,
    'a job is deleted and its model stays': aJobIsDeletedAndItsModelStays,
  },
};
