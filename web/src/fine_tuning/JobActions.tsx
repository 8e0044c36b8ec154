import * as Menu from '@radix-ui/react-dropdown-menu';
import {
  CircleStop,
  Copy,
  CopyPlus,
  Ellipsis,
  MessagesSquare,
  Pause,
  Play,
  StepForward,
  Trash2,
} from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';

import { describeError } from '@/api/error';
import type { Job } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { playgroundOf } from '@/playground/address';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import menu from '@/ui/Menu.module.css';
import { say } from '@/ui/notices';

import styles from './JobActions.module.css';
import { isOver, useChangeJob, useDeleteJob, type JobVerb } from './jobs';

function useActions(job: Job) {
  const { t } = useLanguage();
  const change = useChangeJob(job.id);
  const failed = (error: unknown) => say('bad', describeError(error, t));
  return {
    busy: change.isPending,
    change: (verb: JobVerb) =>
      change.mutate(verb, {
        onSuccess: () => say('good', t(`job.done.${verb}`)),
        onError: failed,
      }),
  };
}

function CancelDialog(props: { onClose: () => void; onCancel: () => void }) {
  const { t } = useLanguage();
  return (
    <Dialog
      title={t('job.cancel.ask')}
      onClose={props.onClose}
      actions={
        <>
          <Button onClick={props.onClose}>{t('job.cancel.keep')}</Button>
          <Button look="danger" onClick={props.onCancel}>
            {t('job.action.cancel')}
          </Button>
        </>
      }
    >
      {t('job.cancel.text')}
    </Dialog>
  );
}

function DeleteDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const remove = useDeleteJob(id);
  const submit = () =>
    remove.mutate(undefined, {
      onSuccess: () => {
        say('good', t('job.deleted', { id }));
        navigate('/fine-tuning');
      },
      onError: (error) => {
        say('bad', describeError(error, t));
        onClose();
      },
    });
  return (
    <Dialog
      title={t('job.delete.ask')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('job.delete.keep')}</Button>
          <Button look="danger" disabled={remove.isPending} onClick={submit}>
            {t('job.action.delete')}
          </Button>
        </>
      }
    >
      {t('job.delete.text')}
    </Dialog>
  );
}

export function JobActions({ job }: { job: Job }) {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const { busy, change } = useActions(job);
  const [asking, setAsking] = useState<'cancel' | 'delete' | null>(null);
  const canPause = !job.paused && (job.status === 'queued' || job.status === 'running');
  const { model: base, fine_tuned_model: tuned } = job;
  return (
    <div className={styles.actions}>
      {tuned && (
        <Button look="primary" onClick={() => navigate(playgroundOf(base, tuned))}>
          <MessagesSquare aria-hidden />
          {t('job.action.compare')}
        </Button>
      )}
      {canPause && (
        <Button disabled={busy} onClick={() => change('pause')}>
          <Pause aria-hidden />
          {t('job.action.pause')}
        </Button>
      )}
      {job.paused && (
        <Button look="primary" disabled={busy} onClick={() => change('resume')}>
          <Play aria-hidden />
          {t('job.action.resume')}
        </Button>
      )}
      <Menu.Root modal={false}>
        <Menu.Trigger asChild>
          <Button icon aria-label={t('action.more')}>
            <Ellipsis aria-hidden />
          </Button>
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Content className={menu.content} align="end" sideOffset={4}>
            <Menu.Item
              className={menu.item}
              onSelect={() => navigate(`/fine-tuning/new?from=${job.id}`)}
            >
              <CopyPlus aria-hidden />
              {t('job.action.duplicate')}
            </Menu.Item>
            {job.fine_tuned_model && (
              <Menu.Item
                className={menu.item}
                onSelect={() => navigate(`/fine-tuning/new?model=${job.fine_tuned_model}`)}
              >
                <StepForward aria-hidden />
                {t('job.action.continue')}
              </Menu.Item>
            )}
            <Menu.Item
              className={menu.item}
              onSelect={() => void navigator.clipboard.writeText(job.id)}
            >
              <Copy aria-hidden />
              {t('job.action.copyId')}
            </Menu.Item>
            <Menu.Item
              className={`${menu.item} ${menu.bad}`}
              onSelect={() => setAsking(isOver(job) ? 'delete' : 'cancel')}
            >
              {isOver(job) ? <Trash2 aria-hidden /> : <CircleStop aria-hidden />}
              {t(isOver(job) ? 'job.action.delete' : 'job.action.cancel')}
            </Menu.Item>
          </Menu.Content>
        </Menu.Portal>
      </Menu.Root>
      {asking === 'cancel' && (
        <CancelDialog
          onClose={() => setAsking(null)}
          onCancel={() => {
            setAsking(null);
            change('cancel');
          }}
        />
      )}
      {asking === 'delete' && <DeleteDialog id={job.id} onClose={() => setAsking(null)} />}
    </div>
  );
}
