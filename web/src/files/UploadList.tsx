import { CircleStop, RotateCw, X } from 'lucide-react';

import { describeError } from '@/api/error';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { TransferItem, TransferList, transferStyles as styles } from '@/ui/TransferList';

import { bytesOf, cancelUnfinished, keyOf, useUnfinished, type Unfinished } from './unfinished';
import { forgetUpload, retryUpload, stopUpload, useUploads, type Upload } from './uploads';

function UploadState({ upload }: { upload: Upload }) {
  const { t } = useLanguage();
  switch (upload.state) {
    case 'sending': {
      const percent = Math.floor((100 * upload.sent) / Math.max(1, upload.file.size));
      return t('upload.sending', { percent });
    }
    case 'failed':
      return t('upload.failed', { reason: describeError(upload.error, t) });
    default:
      return t(`upload.${upload.state}`);
  }
}

function UploadButton({ upload }: { upload: Upload }) {
  const { t } = useLanguage();
  const name = upload.file.name;
  if (upload.state === 'sending' || upload.state === 'finishing')
    return (
      <Button
        look="quiet"
        icon
        aria-label={t('upload.stop', { name })}
        onClick={() => stopUpload(upload.id)}
      >
        <CircleStop aria-hidden />
      </Button>
    );
  return (
    <>
      {upload.state !== 'done' && (
        <Button
          look="quiet"
          icon
          aria-label={t('upload.retry', { name })}
          onClick={() => void retryUpload(upload)}
        >
          <RotateCw aria-hidden />
        </Button>
      )}
      <Button
        look="quiet"
        icon
        aria-label={t('notice.dismiss')}
        onClick={() => forgetUpload(upload)}
      >
        <X aria-hidden />
      </Button>
    </>
  );
}

function UploadItem({ upload }: { upload: Upload }) {
  const { t } = useLanguage();
  const { check } = upload;
  return (
    <TransferItem
      name={upload.file.name}
      buttons={<UploadButton upload={upload} />}
      bar={
        upload.state === 'sending' && {
          value: upload.sent,
          max: upload.file.size,
          'aria-label': upload.file.name,
        }
      }
    >
      <p className={styles.state}>
        <UploadState upload={upload} />
        {check && (
          <>
            {' · '}
            {t('upload.checked', { count: check.examples })}
          </>
        )}
        {check && check.badLines > 0 && (
          <span className={styles.bad}>
            {' · '}
            {t('upload.bad', { count: check.badLines })}
          </span>
        )}
      </p>
      {check && upload.state !== 'done' && check.bad.length > 0 && (
        <ul className={styles.bad}>
          {check.bad.slice(0, 3).map((one) => (
            <li key={one.line}>
              {t('report.line', { line: one.line })} {t(one.reason)}
            </li>
          ))}
        </ul>
      )}
    </TransferItem>
  );
}

// What a reload of the page left unfinished: only the person can give the file to the page again.
function UnfinishedItem({ id, upload }: { id: string; upload: Unfinished }) {
  const { t } = useLanguage();
  const percent = Math.floor((100 * bytesOf(upload)) / upload.size);
  return (
    <TransferItem
      name={upload.name}
      buttons={
        <Button
          look="quiet"
          icon
          aria-label={t('upload.giveUp', { name: upload.name })}
          onClick={() => cancelUnfinished(id, upload)}
        >
          <X aria-hidden />
        </Button>
      }
    >
      <p className={styles.state}>{t('upload.unfinished', { percent })}</p>
    </TransferItem>
  );
}

export function UploadList() {
  const { t } = useLanguage();
  const uploads = useUploads();
  const shown = new Set(uploads.map((upload) => keyOf(upload.file)));
  const unfinished = [...useUnfinished()].filter(([id]) => !shown.has(id));
  if (uploads.length + unfinished.length === 0) return null;
  return (
    <TransferList label={t('upload.list')} live>
      {uploads.map((upload) => (
        <UploadItem key={upload.id} upload={upload} />
      ))}
      {unfinished.map(([id, upload]) => (
        <UnfinishedItem key={id} id={id} upload={upload} />
      ))}
    </TransferList>
  );
}
