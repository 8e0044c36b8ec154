// A Hugging Face Hub on this machine with one model, org/little, which is the tiny one. While it is
// held, it sends half of the weights and then nothing.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../golden/models/tied/', import.meta.url));

function listing() {
  const siblings = readdirSync(folder).map((rfilename) => {
    const content = readFileSync(folder + rfilename);
    const sha256 = createHash('sha256').update(content).digest('hex');
    return { rfilename, size: content.length, lfs: { sha256 } };
  });
  return JSON.stringify({ sha: '0123abcd', siblings });
}

export class Hub {
  held = false;
  waiting = []; // what is sent half, as { response, rest }

  async start() {
    this.server = createServer((request, response) => this.answer(request, response));
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  release() {
    this.held = false;
    for (const { response, rest } of this.waiting.splice(0)) response.end(rest);
  }

  // The rest never comes.
  drop() {
    this.held = false;
    for (const { response } of this.waiting.splice(0)) response.destroy();
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  answer(request, response) {
    const { pathname } = new URL(request.url, this.url);
    if (pathname === '/api/models/org/little') return response.end(listing());
    const [, name] = /^\/org\/little\/resolve\/0123abcd\/([\w.]+)$/.exec(pathname) ?? [];
    if (!name) {
      response.statusCode = 404;
      return response.end('no');
    }
    const whole = readFileSync(folder + name);
    const begin = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const content = whole.subarray(begin);
    response.writeHead(begin > 0 ? 206 : 200, { 'content-length': content.length });
    if (!this.held || name !== 'model.safetensors') return response.end(content);
    const half = Math.max(0, whole.length / 2 - begin);
    response.write(content.subarray(0, half));
    this.waiting.push({ response, rest: content.subarray(half) });
  }
}
