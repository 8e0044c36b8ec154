// Turns the built page into a C++ file for hone: every file compressed once, here, and served as it
// is. Prints what a first visit loads, and fails where that is more than it may be.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

const FIRST_LOAD_LIMIT = 300_000; // bytes, compressed
// The page that "/" opens.
const FIRST_PAGE = 'src/fine_tuning/FineTuningPage.tsx';

const built = fileURLToPath(new URL('../../build/web/dist/', import.meta.url));
const output = fileURLToPath(new URL('../../build/web/page_data.cc', import.meta.url));

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** @param {string} path */
function readFile(path) {
  const type = TYPES[extname(path)];
  if (!type) throw new Error(`${path}: no content type is known for it`);
  const bytes = readFileSync(path);
  const squeezed = gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
  const compressed = squeezed.length < bytes.length;
  return {
    path: '/' + relative(built, path),
    type,
    compressed,
    bytes: compressed ? squeezed : bytes,
    tag: createHash('sha256').update(bytes).digest('hex').slice(0, 32),
  };
}

/** @typedef {ReturnType<typeof readFile>} PageFile */

/** @param {Buffer} bytes */
function literal(bytes) {
  let text = '';
  let column = 0;
  for (const byte of bytes) {
    // Three octal digits end by themselves: a digit that follows is not taken for one of them.
    const printable = byte >= 32 && byte < 127 && byte !== 34 && byte !== 92 && byte !== 63;
    const piece = printable ? String.fromCharCode(byte) : '\\' + byte.toString(8).padStart(3, '0');
    if (column + piece.length > 108) {
      text += '"\n    "';
      column = 0;
    }
    text += piece;
    column += piece.length;
  }
  return `"${text}"`;
}

/** @param {PageFile[]} files */
function source(files) {
  const entries = files.map(
    (file) =>
      `    {"${file.path}", "${file.type}", "${file.tag}", ${file.compressed},\n` +
      `     std::string_view(\n    ${literal(file.bytes)},\n     ${file.bytes.length})},\n`,
  );
  return (
    '// Made by web/scripts/embed.mjs.\n#include "server/page/page_files.h"\n\n' +
    'namespace hone::server {\n\nstd::span<const PageFile> PageFiles() {\n' +
    `    static constexpr PageFile kFiles[] = {\n${entries.join('')}    };\n` +
    '    return kFiles;\n}\n\n}  // namespace hone::server\n'
  );
}

/** @typedef {Record<string, { file: string, css?: string[], imports?: string[] }>} Manifest */

// The paths of what a first visit loads: the page that "/" opens with all that it imports, and the
// Latin letters of the font.
function firstLoad() {
  const manifest = /** @type {Manifest} */ (
    JSON.parse(readFileSync(join(built, '.vite/manifest.json'), 'utf8'))
  );
  const paths = new Set(['/index.html', '/favicon.svg']);
  /** @param {string} name */
  const add = (name) => {
    const chunk = manifest[name];
    if (!chunk || paths.has(`/${chunk.file}`)) return;
    for (const file of [chunk.file, ...(chunk.css ?? [])]) paths.add(`/${file}`);
    chunk.imports?.forEach(add);
  };
  add('index.html');
  add(FIRST_PAGE);
  for (const { file } of Object.values(manifest))
    if (/inter-latin-wght/.test(file)) paths.add(`/${file}`);
  return paths;
}

const files = readdirSync(built, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== 'manifest.json')
  .map((entry) => readFile(join(entry.parentPath, entry.name)))
  .sort((a, b) => (a.path < b.path ? -1 : 1));
const first = firstLoad();
const total = files
  .filter((file) => first.has(file.path))
  .reduce((sum, file) => sum + file.bytes.length, 0);
for (const file of files) {
  const mark = first.has(file.path) ? 'first load' : 'when needed';
  console.log(`${String(file.bytes.length).padStart(8)} bytes  ${mark.padEnd(12)} ${file.path}`);
}
console.log(`the page loads ${total} bytes at first, of ${FIRST_LOAD_LIMIT}`);
if (total > FIRST_LOAD_LIMIT) {
  console.error('that is too much: load parts of it when they are needed');
  process.exit(1);
}
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, source(files));
