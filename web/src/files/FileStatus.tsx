import type { ApiFile } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Badge } from '@/ui/Badge';

const TONES = { processed: 'good', uploaded: 'idle', error: 'bad' } as const;

export function FileStatus({ file }: { file: ApiFile }) {
  const { t } = useLanguage();
  return <Badge tone={TONES[file.status]}>{t(`files.status.${file.status}`)}</Badge>;
}
