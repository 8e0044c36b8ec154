// Nothing is lost: by a reload, by a server that goes away in the middle of a run.
import assert from 'node:assert/strict';

import { open } from './browser.mjs';
import { rows } from './server.mjs';
import { withServer } from './with_server.mjs';

const messagesShown = (page) =>
  page.evaluate(() => Number(/[\d,]+(?= messages)/.exec(document.body.innerText)?.[0].replace(',', '')));

async function aRunIsFollowedThroughARestart({ browser, server }) {
  const file = await server.upload('long.jsonl', rows(100).join('\n'));
  const job = await server.createJob({
    training_file: file.id,
    method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 50, batch_size: 1 } } },
  });
  const page = await open(browser, server, `/fine-tuning/${job.id}`);
  await page.getByRole('tab', { name: 'Messages' }).click();
  await page.getByRole('log').getByText(/^Step \d+/).first().waitFor();
  await page.getByText('Live', { exact: true }).waitFor();

  await server.stop('SIGKILL');
  await page.getByText('The connection broke. Trying again…').waitFor();
  await server.start();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.reload();
  await page.getByRole('tab', { name: 'Messages' }).click();
  await page.getByRole('log').getByText('The job has successfully completed').waitFor({ timeout: 60_000 });

  let events = 0;
  for (let after = '', more = true; more; ) {
    const list = await server.call(
      `/v1/fine_tuning/jobs/${job.id}/events?limit=100${after && `&after=${after}`}`,
    );
    events += list.data.length;
    after = list.data.at(-1).id;
    more = list.has_more;
  }
  assert.equal(await messagesShown(page), events);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function aKeyThatIsRevokedEndsTheSession({ browser, server }) {
  const made = await server.call('/api/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'short', role: 'viewer' }),
  });
  const page = await open(browser, { ...server, key: made.secret, url: server.url }, '/fine-tuning');
  await page.getByRole('link', { name: 'Fine-tuning' }).waitFor();
  await server.call(`/api/keys/${made.id}`, { method: 'DELETE' });
  await page.getByText('The key is no longer accepted. Sign in again.').waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem('hone.key')), null);
  await page.context().close();
}

export default {
  ...withServer,
  tests: {
    'a run is followed through a killed server and a reload': aRunIsFollowedThroughARestart,
    'a key that is revoked ends the session': aKeyThatIsRevokedEndsTheSession,
  },
};
