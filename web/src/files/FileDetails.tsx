import { Download, SlidersHorizontal, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';

import { describeError } from '@/api/error';
import type { ApiFile } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { BackLink } from '@/ui/BackLink';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Code, Fact, Facts } from '@/ui/Facts';
import { say } from '@/ui/notices';
import { splitStyles as styles } from '@/ui/SplitPage';
import { Failure, Loading } from '@/ui/State';
import { useTitle } from '@/ui/title';

import { BadLines } from './BadLines';
import { FilePreview } from './FilePreview';
import { FileStatus } from './FileStatus';
import { useDeleteFile, useFile, useFileReport } from './files';
import { saveContent } from './save';

function DeleteFile({ file, onClose }: { file: ApiFile; onClose: () => void }) {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const remove = useDeleteFile(file.id);
  return (
    <Dialog
      title={t('files.delete.ask')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('files.delete.keep')}</Button>
          <Button
            look="danger"
            disabled={remove.isPending}
            onClick={() =>
              remove.mutate(undefined, {
                onSuccess: () => {
                  say('good', t('files.deleted', { name: file.filename }));
                  navigate('/files');
                },
                onError: (error) => {
                  say('bad', describeError(error, t));
                  onClose();
                },
              })
            }
          >
            {t('files.delete')}
          </Button>
        </>
      }
    >
      {t('files.delete.text')}
    </Dialog>
  );
}

function FileActions({ file }: { file: ApiFile }) {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const [asking, setAsking] = useState(false);
  return (
    <div className={styles.actions}>
      {file.purpose === 'fine-tune' && file.status !== 'error' && (
        <Button look="primary" onClick={() => navigate(`/fine-tuning/new?file=${file.id}`)}>
          <SlidersHorizontal aria-hidden />
          {t('files.use')}
        </Button>
      )}
      <Button
        onClick={() =>
          void saveContent(file.id, file.filename).catch((error: unknown) =>
            say('bad', describeError(error, t)),
          )
        }
      >
        <Download aria-hidden />
        {t('action.download')}
      </Button>
      <Button onClick={() => setAsking(true)}>
        <Trash2 aria-hidden />
        {t('files.delete')}
      </Button>
      {asking && <DeleteFile file={file} onClose={() => setAsking(false)} />}
    </div>
  );
}

function TrainingFacts({ id }: { id: string }) {
  const { t, format } = useLanguage();
  const { data: report } = useFileReport(id);
  if (!report) return null;
  const name = (report.format ?? 'unknown') as
    'fine-tune-chat' | 'fine-tune-preference' | 'fine-tune-completion' | 'unknown';
  return (
    <>
      <Fact label={t('files.format')}>{t(`files.format.${name}`)}</Fact>
      <Fact label={t('files.examples')}>{format.number(report.examples)}</Fact>
    </>
  );
}

export function FileDetails({ id }: { id: string }) {
  const { t, format } = useLanguage();
  const { data: file, error, refetch } = useFile(id);
  useTitle(file?.filename ?? id);
  if (!file) return error ? <Failure error={error} onRetry={() => void refetch()} /> : <Loading />;
  const training = file.purpose === 'fine-tune';
  return (
    <article className={styles.article}>
      <BackLink narrow href="/files">
        {t('files.back')}
      </BackLink>
      <header className={styles.heading}>
        <div className={styles.title}>
          <h2>
            <bdi>{file.filename}</bdi>
          </h2>
          <FileStatus file={file} />
        </div>
        <FileActions file={file} />
      </header>
      <Facts>
        <Fact label={t('files.id')} copy={file.id}>
          <Code>{file.id}</Code>
        </Fact>
        <Fact label={t('files.bytes')}>{format.bytes(file.bytes)}</Fact>
        <Fact label={t('files.created')}>{format.dateTime(file.created_at)}</Fact>
        {training && <TrainingFacts id={id} />}
      </Facts>
      {training && <BadLines fileId={id} sayGood />}
      {training && <FilePreview fileId={id} />}
    </article>
  );
}
