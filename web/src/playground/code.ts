// The request of a pane as a program's text.
import type { ChatRequest } from './state';

export const codeLanguages = ['python', 'node', 'curl'] as const;
export type CodeLanguage = (typeof codeLanguages)[number];

const indent = (depth: number) => '    '.repeat(depth);

// A JSON value as Python writes it.
export function toPython(value: unknown, depth = 0): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  // A JSON string is a Python string, escapes included.
  if (typeof value !== 'object') return JSON.stringify(value);
  const inner = indent(depth + 1);
  const entries = Array.isArray(value)
    ? value.map((one) => toPython(one, depth + 1))
    : Object.entries(value).map(
        ([key, one]) => `${JSON.stringify(key)}: ${toPython(one, depth + 1)}`,
      );
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  if (entries.length === 0) return `${open}${close}`;
  return `${open}\n${entries.map((entry) => `${inner}${entry},\n`).join('')}${indent(depth)}${close}`;
}

function pythonCode(origin: string, request: ChatRequest): string {
  const given = Object.entries(request)
    .map(([name, value]) => `${indent(1)}${name}=${toPython(value, 1)},\n`)
    .join('');
  return `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1")  # the key comes from OPENAI_API_KEY

stream = client.chat.completions.create(
${given}    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
`;
}

function nodeCode(origin: string, request: ChatRequest): string {
  const body = JSON.stringify({ ...request, stream: true }, null, 2);
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${origin}/v1" }); // the key comes from OPENAI_API_KEY

const stream = await client.chat.completions.create(${body});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
`;
}

function curlCode(origin: string, request: ChatRequest): string {
  // Inside single quotes a shell knows no escape: the quote ends, one is written, it begins again.
  const body = JSON.stringify(request, null, 2).replaceAll("'", String.raw`'\''`);
  return `curl ${origin}/v1/chat/completions \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '${body}'
`;
}

const WRITERS = { python: pythonCode, node: nodeCode, curl: curlCode };

export const codeFor = (language: CodeLanguage, origin: string, request: ChatRequest) =>
  WRITERS[language](origin, request);
