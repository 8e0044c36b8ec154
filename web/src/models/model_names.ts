// Where a model comes from, as far as its name says it.

export type ModelKind = 'tuned' | 'checkpoint' | 'base';

const CHECKPOINT = /:ckpt-step-(\d+)$/;

export function kindOf(id: string): ModelKind {
  if (!id.startsWith('ft:')) return 'base';
  return CHECKPOINT.test(id) ? 'checkpoint' : 'tuned';
}

export const stepOf = (id: string) => Number(CHECKPOINT.exec(id)?.[1] ?? NaN);

const KINDS: ModelKind[] = ['tuned', 'base', 'checkpoint'];

// Names under what they are, without groups that have none.
export function groupModels(ids: readonly string[]): { kind: ModelKind; ids: string[] }[] {
  return KINDS.map((kind) => ({ kind, ids: ids.filter((id) => kindOf(id) === kind) })).filter(
    (group) => group.ids.length > 0,
  );
}

// What tells a fine-tuned model from others of its base: "suffix:id". A base's name as it is.
export function shortName(id: string): string {
  if (kindOf(id) === 'base') return id;
  const [, , , suffix = '', own = ''] = id.split(':');
  return suffix === '' ? own : `${suffix}:${own}`;
}
