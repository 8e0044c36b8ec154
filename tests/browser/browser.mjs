// Chromium, and what every test of the page asks of it.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

// The page's own packages: these files lie outside of web/.
const packages = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = packages('playwright-core');
const axe = readFileSync(packages.resolve('axe-core/axe.min.js'), 'utf8');

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });

// A page that is signed in. What goes wrong in it is collected in `page.wrong`.
export async function open(browser, server, path, options = {}) {
  const { theme = 'light', language = 'en', signedIn = true, viewport } = options;
  const context = await browser.newContext({
    viewport: viewport ?? { width: 1280, height: 900 },
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
    acceptDownloads: true,
  });
  await context.addInitScript(
    ([key, wanted, tongue]) => {
      if (key && !sessionStorage.getItem('hone.key')) sessionStorage.setItem('hone.key', key);
      localStorage.setItem('hone.theme', wanted);
      localStorage.setItem('hone.language', tongue);
    },
    [signedIn ? server.key : '', theme, language],
  );
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(String(error)));
  page.on('console', (message) => {
    // A server that is away, and a refusal that a test asks for, are no fault of the page.
    const network = /Failed to load resource|net::ERR_/.test(message.text());
    if (message.type() === 'error' && !network) page.wrong.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== server.url && url.protocol !== 'blob:')
      page.wrong.push(`a request to ${request.url()}`);
  });
  await page.goto(server.url + path);
  return page;
}

export const LOOKS = ['light', 'dark'].flatMap((theme) =>
  ['en', 'ar'].map((language) => ({ theme, language })),
);

// As if it had been chosen in another tab: the page that is open follows.
export const choose = (page, { theme, language }) =>
  page.evaluate(
    async (chosen) => {
      for (const [key, value] of Object.entries(chosen)) {
        localStorage.setItem(key, value);
        dispatchEvent(new StorageEvent('storage', { key, newValue: value }));
      }
      // What is drawn by hand follows in the next frames.
      for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame);
    },
    { 'hone.theme': theme, 'hone.language': language },
  );

// What axe finds wrong, as lines.
export async function violations(page) {
  // By the debugger, which the page's policy does not hold back.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
  const { violations: found } = await page.evaluate(() =>
    globalThis.axe.run(document, {
      resultTypes: ['violations'],
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  return found.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 200)}`),
  );
}
