// A request as code that sends it.
import type { CreateJob } from '@/api/types';

export const codeKinds = ['Python', 'Node', 'curl', 'hone'] as const;
export type CodeKind = (typeof codeKinds)[number];

// JSON as Python writes it.
function python(value: unknown, indent: string): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map((one) => python(one, indent)).join(', ')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  const inner = `${indent}    `;
  const members = Object.entries(value).map(
    ([key, one]) => `${inner}${JSON.stringify(key)}: ${python(one, inner)},\n`,
  );
  return members.length === 0 ? '{}' : `{\n${members.join('')}${indent}}`;
}

// For a shell, inside single quotes.
const quoted = (text: string) => text.replaceAll("'", `'\\''`);

// `command`: the same training without a server, as the server says it; empty while it is not known.
export function codeFor(
  kind: CodeKind,
  request: CreateJob,
  origin: string,
  command: string,
): string {
  const json = JSON.stringify(request, null, 2);
  switch (kind) {
    case 'Python': {
      const members = Object.entries(request).map(
        ([key, value]) => `    ${key}=${python(value, '    ')},\n`,
      );
      return (
        `from openai import OpenAI\n\nclient = OpenAI(base_url="${origin}/v1")\n` +
        `job = client.fine_tuning.jobs.create(\n${members.join('')})\nprint(job.id)\n`
      );
    }
    case 'Node':
      return (
        `import OpenAI from 'openai';\n\nconst client = new OpenAI({ baseURL: '${origin}/v1' });\n` +
        `const job = await client.fineTuning.jobs.create(${json});\nconsole.log(job.id);\n`
      );
    case 'curl':
      return (
        `curl ${origin}/v1/fine_tuning/jobs \\\n  -H "Authorization: Bearer $OPENAI_API_KEY" \\\n` +
        `  -H "Content-Type: application/json" \\\n  -d '${quoted(json)}'\n`
      );
    case 'hone':
      return command;
  }
}
