// A `hone serve` over a tiny model, in a folder that goes away.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const model = process.env.HONE_BROWSER_MODEL ?? `tiny=${root}tests/golden/models/tied`;

export class Server {
  folder = mkdtempSync(join(tmpdir(), 'hone-browser-'));
  environment = { HF_HUB_OFFLINE: '1' }; // over that of the tests
  port = 0; // any that is free, and the same one after a restart

  // Returns once it takes requests.
  async start() {
    const log = openSync(join(this.folder, 'server.log'), 'a');
    const data = join(this.folder, 'data');
    this.process = spawn(
      process.env.HONE,
      ['serve', '--data-dir', data, '--port', String(this.port), '--model', model],
      { stdio: ['ignore', 'pipe', log], env: { ...process.env, ...this.environment } },
    );
    const lines = createInterface({ input: this.process.stdout });
    for await (const line of lines) {
      const [, port] = /^hone listens at \S+:(\d+)\/v1$/.exec(line) ?? [];
      if (port) this.port = Number(port);
      const [, key] = /OPENAI_API_KEY=(\S+)/.exec(line) ?? [];
      if (key) this.key = key;
      if (this.key && this.port) break;
    }
    if (!this.key) throw new Error(`the server did not start: ${this.log()}`);
    this.url = `http://127.0.0.1:${this.port}`;
  }

  async stop(signal = 'SIGTERM') {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill(signal);
    await once(this.process, 'exit');
  }

  async close() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  log() {
    return readFileSync(join(this.folder, 'server.log'), 'utf8').slice(-3000);
  }

  async call(path, init = {}) {
    const response = await fetch(this.url + path, {
      ...init,
      headers: { authorization: `Bearer ${this.key}`, ...init.headers },
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  upload(name, text) {
    const form = new FormData();
    form.append('purpose', 'fine-tune');
    form.append('file', new Blob([text]), name);
    return this.call('/v1/files', { method: 'POST', body: form });
  }

  createJob(body) {
    return this.call('/v1/fine_tuning/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', ...body }),
    });
  }

  // The job once it has ended.
  async ended(id) {
    for (;;) {
      const job = await this.call(`/v1/fine_tuning/jobs/${id}`);
      if (['succeeded', 'failed', 'cancelled'].includes(job.status)) return job;
      await new Promise((resume) => setTimeout(resume, 100));
    }
  }
}

// Examples that can be learned from.
export function rows(count) {
  return Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      messages: [
        { role: 'system', content: 'Elle answers with a limerick' },
        { role: 'user', content: `Tell me about element ${index}` },
        { role: 'assistant', content: `Element ${index}, oh so light, melts in your hand, what a sight` },
      ],
    }),
  );
}
