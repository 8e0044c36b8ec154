import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Where `npm run dev` finds the API. HONE_URL names another server.
const server = process.env['HONE_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '@': new URL('./src', import.meta.url).pathname } },
  build: {
    outDir: '../build/web/dist',
    emptyOutDir: true,
    // Everything is a file of its own: the Content-Security-Policy allows no data: fonts or styles.
    assetsInlineLimit: 0,
    // The polyfill is an inline script in disguise, and every browser that runs the page has this.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true, // from which scripts/embed.mjs knows what a first visit loads
  },
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/api', '/openapi.json', '/metrics'].map((path) => [path, { target: server }]),
    ),
  },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
});
