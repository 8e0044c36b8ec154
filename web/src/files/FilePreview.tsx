import { useState } from 'react';

import { useBaseModels } from '@/api/models';
import type { FileLine } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Select } from '@/ui/Field';
import { Failure, Loading } from '@/ui/State';

import styles from './FilePreview.module.css';
import { useFilePreview } from './files';

function PreviewLine({ line }: { line: FileLine }) {
  const { t } = useLanguage();
  return (
    <li className={styles.line}>
      <div className={styles.side}>
        <span>{t('report.line', { line: line.line })}</span>
        {line.tokens !== null && <span>{t('preview.tokens', { count: line.tokens })}</span>}
      </div>
      <div className={styles.text} dir="auto">
        {line.pieces.map((piece, index) => (
          // The pieces of a line never change places.
          <span key={index} className={piece.trained ? styles.trained : styles.read}>
            {piece.text}
          </span>
        ))}
        {line.pieces.length === 0 && (
          <>
            <i>{t('preview.raw')}</i>
            <pre className={styles.raw}>{line.text}</pre>
          </>
        )}
        {line.shortened && <i>… {t('preview.shortened')}</i>}
      </div>
    </li>
  );
}

function PreviewLines({ fileId, model }: { fileId: string; model: string }) {
  const { t } = useLanguage();
  const lines = useFilePreview(fileId, model);
  if (lines.isPending) return <Loading />;
  if (lines.isError) return <Failure error={lines.error} onRetry={() => void lines.refetch()} />;
  return (
    <>
      <ol className={styles.lines}>
        {lines.data.map((line) => (
          <PreviewLine key={line.line} line={line} />
        ))}
      </ol>
      {lines.hasNextPage && (
        <Button disabled={lines.isFetchingNextPage} onClick={() => void lines.fetchNextPage()}>
          {t('preview.more')}
        </Button>
      )}
    </>
  );
}

// Examples of a training file as a model reads them: what it learns to write is marked.
export function FilePreview({ fileId, model }: { fileId: string; model?: string }) {
  const { t } = useLanguage();
  const { data: bases } = useBaseModels();
  const [chosen, setChosen] = useState('');
  const shown = model ?? (chosen || (bases?.[0]?.id ?? ''));
  return (
    <section className={styles.preview} aria-label={t('preview.title')}>
      <header className={styles.header}>
        <h3>{t('preview.title')}</h3>
        {model === undefined && bases && (
          <label className={styles.model}>
            {t('preview.model')}
            <Select value={shown} onChange={(event) => setChosen(event.target.value)}>
              {bases.map((base) => (
                <option key={base.id} value={base.id}>
                  {base.id}
                </option>
              ))}
            </Select>
          </label>
        )}
      </header>
      <p className={styles.legend}>
        <span className={styles.trained}>{t('preview.trained')}</span>
        <span className={styles.read}>{t('preview.read')}</span>
      </p>
      {shown !== '' && <PreviewLines fileId={fileId} model={shown} />}
    </section>
  );
}
