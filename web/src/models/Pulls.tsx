import { CloudDownload } from 'lucide-react';
import { useCallback, useState } from 'react';

import { describeError } from '@/api/error';
import type { Pull } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { useNow } from '@/ui/now';
import { say } from '@/ui/notices';
import { TransferItem, TransferList, transferStyles } from '@/ui/TransferList';

import { PullDialog } from './PullDialog';
import styles from './Pulls.module.css';
import { useCancelPull, useCreatePull, useFinishedPulls, usePulls } from './pulls';
import { isMoving, shownPulls } from './shown_pulls';

// "12 MB of 270 MB, 5 MB/s, 30 sec left", of it what is known.
function useProgressText() {
  const { t, format } = useLanguage();
  return (pull: Pull) => {
    if (pull.status === 'queued') return t('pull.queued');
    if (pull.total_bytes === null) return t('pull.underWay');
    const parts = [
      t('pull.bytes', {
        bytes: format.bytes(pull.bytes),
        total: format.bytes(pull.total_bytes),
      }),
    ];
    if (pull.bytes_per_second > 0)
      parts.push(t('pull.rate', { bytes: format.bytes(pull.bytes_per_second) }));
    if (pull.seconds_left !== null)
      parts.push(t('pull.left', { time: format.duration(pull.seconds_left) }));
    return parts.join(t('list.comma'));
  };
}

function PullItem({ pull }: { pull: Pull }) {
  const { t } = useLanguage();
  const progressText = useProgressText();
  const cancel = useCancelPull();
  const create = useCreatePull();
  const tell = { onError: (error: unknown) => say('bad', describeError(error, t)) };
  const known = pull.total_bytes === null ? {} : { value: pull.bytes, max: pull.total_bytes };
  const moving = isMoving(pull);
  const button = moving ? (
    <Button
      look="quiet"
      aria-label={t('pull.cancel', { model: pull.model })}
      disabled={cancel.isPending}
      onClick={() => cancel.mutate(pull.id, tell)}
    >
      {t('action.cancel')}
    </Button>
  ) : (
    <Button
      look="quiet"
      aria-label={t('pull.again', { model: pull.model })}
      disabled={create.isPending}
      onClick={() => create.mutate(pull.source, tell)}
    >
      {t('action.retry')}
    </Button>
  );
  return (
    <TransferItem
      name={pull.model}
      buttons={button}
      bar={moving && { 'aria-label': t('pull.fetching', { model: pull.model }), ...known }}
    >
      {moving ? (
        <p className={transferStyles.state}>{progressText(pull)}</p>
      ) : (
        <p className={transferStyles.bad} dir="auto">
          {pull.error}
        </p>
      )}
    </TransferItem>
  );
}

// What is being fetched, with how far it is. `onFetched`: a new base is there.
export function PullList({ onFetched }: { onFetched?: (model: string) => void }) {
  const { t } = useLanguage();
  const { data: pulls } = usePulls();
  const now = useNow(60_000);
  const onDone = useCallback(
    (pull: Pull) => {
      if (pull.status === 'succeeded') {
        say('good', t('pull.done', { model: pull.model }));
        onFetched?.(pull.model);
      } else if (pull.status === 'cancelled') {
        say('good', t('pull.cancelled', { model: pull.model }));
      }
    },
    [t, onFetched],
  );
  useFinishedPulls(pulls, onDone);
  const shown = shownPulls(pulls ?? [], now);
  if (shown.length === 0) return null;
  return (
    <TransferList label={t('pull.list')}>
      {shown.map((pull) => (
        <PullItem key={pull.id} pull={pull} />
      ))}
    </TransferList>
  );
}

// Opens the dialog; nothing for a key that may not fetch.
export function PullButton({ icon = false }: { icon?: boolean }) {
  const { t } = useLanguage();
  const { data: pulls } = usePulls();
  const [open, setOpen] = useState(false);
  if (!pulls) return null;
  return (
    <>
      <Button
        className={icon ? undefined : styles.open}
        {...(icon ? { icon, 'aria-label': t('pull.title'), title: t('pull.title') } : {})}
        onClick={() => setOpen(true)}
      >
        <CloudDownload aria-hidden />
        {!icon && t('pull.open')}
      </Button>
      {open && <PullDialog onClose={() => setOpen(false)} />}
    </>
  );
}
