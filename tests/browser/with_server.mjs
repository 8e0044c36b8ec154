// What most files of tests begin with: a server of their own, and a browser.
import { launch } from './browser.mjs';
import { Server } from './server.mjs';

export const withServer = {
  async setUp() {
    const server = new Server();
    await server.start();
    return { server, browser: await launch() };
  },
  async tearDown({ server, browser }) {
    await browser.close();
    await server.close();
  },
};
