import { useMutation } from '@tanstack/react-query';
import { Split } from 'lucide-react';

import { describeError } from '@/api/error';
import { useFile } from '@/files/files';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { say } from '@/ui/notices';

import styles from './CreateJob.module.css';
import { LEAST_TRAINING } from './split';
import { MOST_BYTES, splitFile, type SplitFiles } from './split_file';

// Makes a validation file of a part of the training file.
export function SplitButton(props: { file: string; onSplit: (files: SplitFiles) => void }) {
  const { t } = useLanguage();
  const { data: file } = useFile(props.file);
  const split = useMutation({
    mutationFn: (name: string) => splitFile(props.file, name),
    onSuccess: (files) => {
      if (files === 'few') {
        say('bad', t('create.split.few', { least: LEAST_TRAINING }));
      } else if (files) {
        say('good', t('create.split.done', { count: files.kept }));
        props.onSplit(files);
      }
    },
    onError: (error) => say('bad', describeError(error, t)),
  });
  if (!file || file.bytes > MOST_BYTES) return null;
  return (
    <Button
      className={styles.submit}
      disabled={split.isPending}
      onClick={() => split.mutate(file.filename)}
    >
      <Split aria-hidden />
      {t(split.isPending ? 'create.split.busy' : 'create.split')}
    </Button>
  );
}
