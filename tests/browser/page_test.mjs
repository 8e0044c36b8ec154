// What holds for every page: accessibility, speed, safety against what others wrote.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { choose, launch, LOOKS, open, violations } from './browser.mjs';
import { rows, Server } from './server.mjs';
import { withServer } from './with_server.mjs';

const HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>';

const NOWHERE = '/no/such/page';
const NOWHERE_SIGN = 'h1 + a[href="/fine-tuning"]';

// As by a link, which loads nothing anew; over a page that has none of what others have.
async function go(page, path, sign) {
  for (const [to, there] of [
    [NOWHERE, NOWHERE_SIGN],
    [path, sign],
  ]) {
    await page.evaluate((address) => history.pushState(null, '', address), to);
    await page.locator(there).first().waitFor();
  }
}

// Shows each of the paths in one window, the sign-in page last, and calls `look` on it.
async function onEveryPage({ browser, server, paths }, options, look) {
  const page = await open(browser, server, '/files', options);
  for (const [path, sign] of Object.entries(paths)) {
    await go(page, path, sign);
    await look(page, path);
  }
  await page.evaluate(() => sessionStorage.setItem('hone.key', 'sk-hone-none'));
  await page.goto(`${server.url}/files`);
  await page.locator('input[type=password]').waitFor();
  await look(page, 'sign-in');
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function noViolations(ground) {
  const found = [];
  await onEveryPage(ground, {}, async (page, path) => {
    for (const look of LOOKS) {
      const name = `${path} ${look.theme} ${look.language}`;
      await choose(page, look);
      for (const line of await violations(page)) found.push(`${name}: ${line}`);
      const shown = await page.evaluate(() => {
        const { dir, dataset, scrollWidth, clientWidth } = document.documentElement;
        return { dir, theme: dataset.theme, fits: scrollWidth <= clientWidth };
      });
      const dir = look.language === 'ar' ? 'rtl' : 'ltr';
      assert.deepEqual(shown, { dir, theme: look.theme, fits: true }, name);
    }
  });
  assert.deepEqual(found, []);
}

async function fitsOnAPhone(ground) {
  await onEveryPage(ground, { viewport: { width: 360, height: 740 } }, async (page, path) => {
    const wide = await page.evaluate(() =>
      Math.max(...[...document.querySelectorAll('#content, body')].map((one) => one.scrollWidth)),
    );
    assert.ok(wide <= 360, `${path} is ${wide} wide`);
  });
}

async function hostileTextStaysText({ browser, server, hostile }) {
  for (const path of [`/fine-tuning/${hostile.job.id}`, `/files/${hostile.file.id}`]) {
    const page = await open(browser, server, path);
    let alerted = false;
    page.on('dialog', (dialog) => {
      alerted = true;
      void dialog.dismiss();
    });
    await page.getByText('onerror=alert(1)', { exact: false }).first().waitFor();
    if (path.startsWith('/fine-tuning')) await page.getByRole('tab', { name: 'Messages' }).click();
    await page.waitForTimeout(300);
    assert.equal(await page.locator('img[src=x], script:not([src])').count(), 0);
    assert.equal(alerted, false);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  }
}

// An answer of a model, as the server streams it, token by token.
function streamOf(tokens) {
  const chunks = tokens.map((token) => ({
    choices: [
      {
        delta: { content: token },
        logprobs: { content: [{ token, logprob: -0.5, top_logprobs: [{ token, logprob: -0.5 }] }] },
        finish_reason: null,
      },
    ],
  }));
  chunks.push({ choices: [], usage: { prompt_tokens: 3, completion_tokens: tokens.length } });
  return [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]']
    .map((data) => `data: ${data}\n\n`)
    .join('');
}

// What a model writes is text, as a whole and token by token.
async function hostileAnswersStayText({ browser, server }) {
  const page = await open(browser, server, '/playground?model=tiny');
  page.on('dialog', (dialog) => {
    page.wrong.push(`a dialog says ${dialog.message()}`);
    void dialog.dismiss();
  });
  const [first, ...rest] = HOSTILE.split(/(?=<)/);
  const body = streamOf([first, ...rest, '[a](javascript:alert(3))', '<b>bold</b>']);
  await page.route('**/v1/chat/completions', (route) => {
    // The page reads probabilities where it asked for them.
    const { logprobs } = route.request().postDataJSON();
    const sent = logprobs ? body : body.replaceAll(/"logprobs":\{.*?\}\]\}\]\},/g, '');
    return route.fulfill({ contentType: 'text/event-stream', body: sent });
  });
  for (const probabilities of [false, true]) {
    await page.getByLabel('Show probabilities of tokens').setChecked(probabilities);
    await page.getByLabel('Message', { exact: true }).fill(HOSTILE);
    await page.getByLabel('Message', { exact: true }).press('Enter');
    await page.getByText('Answer tokens', { exact: true }).nth(probabilities ? 1 : 0).waitFor();
    await page.getByText('<b>bold</b>', { exact: false }).nth(probabilities ? 1 : 0).waitFor();
    assert.equal(await page.getByRole('listbox', { name: 'Tokens' }).count(), probabilities ? 1 : 0);
    const markup = '#content :is(img, b, script, a[href^="javascript"]), script:not([src])';
    assert.equal(await page.locator(markup).count(), 0);
  }
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function validationIsDrawn({ browser, server, paths }) {
  const path = Object.keys(paths).find((one) => paths[one] === '.uplot');
  const page = await open(browser, server, path);
  for (const chart of ['Loss', 'Token accuracy']) {
    const figure = String.raw`[\d.]+`;
    const values = `Training ${figure}, Validation, a sample ${figure}, Validation ${figure}`;
    await page.getByRole('img', { name: new RegExp(`^${chart}: .* ${values}\\.$`) }).waitFor();
  }
  for (const chart of ['Learning rate', 'Gradient norm', 'Tokens per second'])
    await page.getByRole('img', { name: new RegExp(`^${chart}: .* ${chart} [\\d.]+`) }).waitFor();
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function theDescriptionIsTheServers({ server }) {
  const described = await (await fetch(`${server.url}/openapi.json`)).json();
  const copy = JSON.parse(readFileSync(new URL('../../web/openapi.json', import.meta.url), 'utf8'));
  assert.deepEqual(
    copy,
    described,
    'web/openapi.json is not what the server describes. Renew it: ' +
      'curl $HONE_URL/openapi.json | python3 -m json.tool --indent 1 >web/openapi.json',
  );
}

// Chromium tells of the first paint some time after the page holds its text, so it is waited for.
async function firstVisit(browser, server) {
  const page = await open(browser, server, '/fine-tuning');
  await page.getByText('Fine-tuning').first().waitFor();
  const visit = await page.evaluate(async () => {
    const ready = await new Promise((told) => {
      new PerformanceObserver((list) => {
        for (const paint of list.getEntriesByName('first-contentful-paint')) told(paint.startTime);
      }).observe({ type: 'paint', buffered: true });
    });
    const loads = performance.getEntriesByType('resource');
    const bytes = [...loads, ...performance.getEntriesByType('navigation')]
      .filter((one) => !/\/(v1|api)\//.test(one.name))
      .reduce((sum, one) => sum + one.encodedBodySize, 0);
    return { bytes, ready };
  });
  await page.context().close();
  return visit;
}

async function isFastAndSmall({ browser, server }) {
  const visits = [];
  for (let i = 0; i < 3; ++i) visits.push(await firstVisit(browser, server));
  const bytes = visits[0].bytes;
  const ready = Math.min(...visits.map((visit) => visit.ready));
  console.log(`the page loads ${bytes} bytes, and shows itself after ${Math.round(ready)} ms`);
  assert.ok(bytes < 300_000);
  assert.ok(ready < 1000);
}

async function policiesHold({ server }) {
  const page = await fetch(`${server.url}/fine-tuning`, { headers: { accept: 'text/html' } });
  const policy = page.headers.get('content-security-policy');
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"])
    assert.ok(policy.includes(part), policy);
  // Another site's page cannot read an answer: there is no Access-Control-Allow-Origin.
  const other = await fetch(`${server.url}/v1/models`, {
    headers: { origin: 'http://evil.example', authorization: `Bearer ${server.key}` },
  });
  assert.equal(other.headers.get('access-control-allow-origin'), null);
  const preflight = await fetch(`${server.url}/v1/models`, {
    method: 'OPTIONS',
    headers: { origin: 'http://evil.example', 'access-control-request-method': 'GET' },
  });
  assert.equal(preflight.headers.get('access-control-allow-origin'), null);
}

export default {
  ...withServer,
  async setUp() {
    const server = new Server();
    await server.start();
    const file = await server.upload(`${HOSTILE.replaceAll('/', '')}.jsonl`, [
      ...rows(11),
      JSON.stringify({ messages: [{ role: 'user', content: HOSTILE }] }),
    ].join('\n'));
    const metadata = { '<b>key</b>': HOSTILE };
    const job = await server.createJob({ training_file: file.id, suffix: '"><img src=x onerror=alert(1)>', metadata });
    const good = await server.upload('good.jsonl', rows(12).join('\n'));
    const validation = await server.upload('validation.jsonl', rows(11).join('\n'));
    const done = await server.createJob({
      training_file: good.id,
      validation_file: validation.id,
      suffix: 'good',
    });
    await server.ended(job.id);
    const ended = await server.ended(done.id);
    await server.call('/api/webhooks', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: `http://127.0.0.1:9/${encodeURIComponent(HOSTILE)}` }),
    });
    const paths = {
      '/fine-tuning': 'a[href^="/fine-tuning/ftjob"]',
      [`/fine-tuning/${done.id}`]: '.uplot',
      [`/fine-tuning/${job.id}`]: '[role=log]',
      [`/fine-tuning/new?file=${good.id}`]: 'text=<|im_start|>',
      '/files': 'a[href^="/files/file"]',
      [`/files/${good.id}`]: 'text=<|im_start|>',
      [`/files/${file.id}`]: 'ol pre',
      '/models': 'a[href^="/models/"]',
      [`/models/${ended.fine_tuned_model}`]: 'a[href^="/fine-tuning/ftjob"]',
      '/models/tiny': 'dl',
      [`/compare?job=${done.id}&job=${job.id}`]: 'table',
      [`/playground?model=tiny&model=${ended.fine_tuned_model}`]: 'form textarea',
      '/system': 'meter',
      '/system/webhooks': 'td',
      '/system/audit': 'td',
      [NOWHERE]: NOWHERE_SIGN,
    };
    return { server, browser: await launch(), paths, hostile: { file, job } };
  },
  tests: {
    'axe finds nothing, and the page fits, light and dark, English and Arabic': noViolations,
    'every page fits on a phone': fitsOnAPhone,
    'hostile names and texts stay text': hostileTextStaysText,
    'what a model answers stays text': hostileAnswersStayText,
    'loss and accuracy are drawn in training and validation': validationIsDrawn,
    'the types of the page are of what the server describes': theDescriptionIsTheServers,
    'a first visit is fast and small': isFastAndSmall,
    'nothing from elsewhere, and nothing for elsewhere': policiesHold,
  },
};
