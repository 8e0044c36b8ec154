// A file that is too large for one request, and a page that is reloaded while it is sent.
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { open } from './browser.mjs';
import { withServer } from './with_server.mjs';

const PARTS = 4; // of 16 MiB, and the last one smaller

function bigFile(server) {
  const path = join(server.folder, 'big.jsonl');
  const messages = [
    { role: 'user', content: 'Say it again. '.repeat(20_000) },
    { role: 'assistant', content: 'No.' },
  ];
  writeFileSync(path, `${JSON.stringify({ messages })}\n`.repeat(200));
  return path;
}

const choose = (page, path) => page.locator('input[type=file]').setInputFiles(path);

// The page on a file of which the server has two parts, when the others were on their way.
async function stopped(browser, server, path) {
  const page = await open(browser, server, '/files');
  page.parts = 0;
  let free = 2;
  await page.route('**/v1/uploads/*/parts', (route) => {
    page.parts += 1;
    free -= 1;
    return free < 0 ? undefined : route.continue();
  });
  await choose(page, path);
  await page.waitForFunction(() =>
    Object.keys(sessionStorage)
      .filter((key) => key.startsWith('hone.upload.'))
      .some((key) => Object.keys(JSON.parse(sessionStorage.getItem(key)).parts).length === 2),
  );
  await page.reload();
  await page.getByText(/^Sent: \d+ %\. Choose the same file again/).waitFor();
  free = PARTS;
  page.parts = 0;
  return page;
}

async function goesOnAfterAReload({ browser, server, path }) {
  const page = await stopped(browser, server, path);
  await choose(page, path);
  await page.getByRole('heading', { name: 'big.jsonl' }).waitFor();
  assert.equal(page.parts, PARTS - 2);
  const { data } = await server.call('/v1/files');
  assert.deepEqual(
    data.map(({ filename, bytes }) => [filename, bytes]),
    [['big.jsonl', statSync(path).size]],
  );
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function isGivenUp({ browser, server, path }) {
  const page = await stopped(browser, server, path);
  const cancelled = page.waitForResponse((response) => response.url().endsWith('/cancel'));
  await page.getByRole('button', { name: 'Give up the upload of big.jsonl' }).press('Enter');
  assert.equal((await (await cancelled).json()).status, 'cancelled');
  await page.getByText(/^Sent: /).waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => sessionStorage.length), 1); // the key
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

export default {
  async setUp() {
    const made = await withServer.setUp();
    return { ...made, path: bigFile(made.server) };
  },
  tearDown: withServer.tearDown,
  tests: {
    'a large upload goes on after a reload': goesOnAfterAReload,
    'an upload that a reload stopped is given up': isGivenUp,
  },
};
