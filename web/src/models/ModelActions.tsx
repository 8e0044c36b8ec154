import * as Menu from '@radix-ui/react-dropdown-menu';
import { Download, MessagesSquare, StepForward, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';

import { describeError } from '@/api/error';
import type { ModelDescription } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { playgroundOf } from '@/playground/address';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import menu from '@/ui/Menu.module.css';
import { say } from '@/ui/notices';
import { splitStyles as styles } from '@/ui/SplitPage';

import { downloadKinds, useDeleteModel, useDownload } from './models';
import { RemoveBase } from './RemoveBase';

function DeleteModel({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const remove = useDeleteModel(id);
  const submit = () =>
    remove.mutate(undefined, {
      onSuccess: () => {
        say('good', t('models.deleted', { id }));
        navigate('/models');
      },
      onError: (error) => {
        say('bad', describeError(error, t));
        onClose();
      },
    });
  return (
    <Dialog
      title={t('models.delete.ask')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('models.delete.keep')}</Button>
          <Button look="danger" disabled={remove.isPending} onClick={submit}>
            {t('models.delete')}
          </Button>
        </>
      }
    >
      {t('models.delete.text')}
    </Dialog>
  );
}

function DownloadMenu({ id }: { id: string }) {
  const { t } = useLanguage();
  const download = useDownload(id);
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger asChild>
        <Button disabled={download.isPending}>
          <Download aria-hidden />
          {download.isPending ? t('models.downloading') : t('action.download')}
        </Button>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content className={menu.content} align="end" sideOffset={4}>
          {downloadKinds.map((kind) => (
            <Menu.Item
              key={kind}
              className={menu.item}
              onSelect={() =>
                download.mutate(kind, { onError: (error) => say('bad', describeError(error, t)) })
              }
            >
              {t(`models.download.${kind}`)}
            </Menu.Item>
          ))}
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}

export function ModelActions({ description }: { description: ModelDescription }) {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const [asking, setAsking] = useState(false);
  const { id, base, job_id: jobId } = description;
  const tuned = jobId !== null;
  return (
    <div className={styles.actions}>
      <Button
        look="primary"
        onClick={() => navigate(tuned ? playgroundOf(base, id) : playgroundOf(id))}
      >
        <MessagesSquare aria-hidden />
        {t('models.open')}
      </Button>
      <Button onClick={() => navigate(`/fine-tuning/new?model=${encodeURIComponent(id)}`)}>
        <StepForward aria-hidden />
        {t(tuned ? 'models.continue' : 'models.tune')}
      </Button>
      {!tuned && <RemoveBase id={id} />}
      {tuned && <DownloadMenu id={id} />}
      {tuned && (
        <Button onClick={() => setAsking(true)}>
          <Trash2 aria-hidden />
          {t('models.delete')}
        </Button>
      )}
      {asking && <DeleteModel id={id} onClose={() => setAsking(false)} />}
    </div>
  );
}
