#!/usr/bin/env node
// Runs the tests of the dashboard in a browser: run.mjs --hone PROGRAM [PATTERN]. Each file
// *_test.mjs exports its tests by name. The last line is `N passed, M failed`. CHROMIUM names the
// browser's program.
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: { hone: { type: 'string', default: 'build/release/hone' } },
  allowPositionals: true,
});
process.env.HONE = resolve(values.hone);
process.env.CHROMIUM ??= '/usr/bin/chromium';
const TEST_TIMEOUT_S = process.env.HONE_BROWSER_MODEL ? 1800 : 300;
const pattern = new RegExp(positionals[0] ?? '');

// The promise, or an error if it takes too long.
function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${TEST_TIMEOUT_S} s`)), TEST_TIMEOUT_S * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

let passed = 0;
let failed = 0;
const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('_test.mjs'));
for (const file of files.sort()) {
  const { default: suite } = await import(new URL(file, import.meta.url));
  const chosen = Object.entries(suite.tests).filter(([name]) => pattern.test(`${file} ${name}`));
  if (chosen.length === 0) continue;
  const ground = await inTime(suite.setUp());
  for (const [name, test] of chosen) {
    const start = performance.now();
    try {
      await inTime(test(ground));
      passed += 1;
      console.log(`ok ${name} (${Math.round(performance.now() - start)} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${file} ${name}\n${error.stack}`);
      console.log(`again: node tests/browser/run.mjs --hone ${values.hone} '${name}'`);
    }
  }
  await inTime(suite.tearDown(ground));
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
