import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';

import { describeError } from '@/api/error';
import { useBaseModels } from '@/api/models';
import type { BaseModel } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { say } from '@/ui/notices';

import { useRemoveBase } from './models';
import { usePulls } from './pulls';

function RemoveDialog({ base, onClose }: { base: BaseModel; onClose: () => void }) {
  const { t, format } = useLanguage();
  const [, navigate] = useLocation();
  const { id } = base;
  const remove = useRemoveBase(id, (freed) => {
    say(
      'good',
      freed > 0
        ? t('models.removed', { id, bytes: format.bytes(freed) })
        : t('models.removed.kept', { id }),
    );
    navigate('/models');
  });
  const submit = () =>
    remove.mutate(undefined, {
      onError: (error) => {
        say('bad', describeError(error, t));
        onClose();
      },
    });
  return (
    <Dialog
      title={t('models.remove.ask', { id })}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('models.delete.keep')}</Button>
          <Button look="danger" disabled={remove.isPending} onClick={submit}>
            {t('models.remove')}
          </Button>
        </>
      }
    >
      {t('models.remove.text', { bytes: format.bytes(base.bytes) })}
    </Dialog>
  );
}

// For a base that was fetched, and a key that may fetch; nothing for others.
export function RemoveBase({ id }: { id: string }) {
  const { t } = useLanguage();
  const { data: bases } = useBaseModels();
  const { data: pulls } = usePulls();
  const [asking, setAsking] = useState(false);
  const base = bases?.find((one) => one.id === id);
  if (!base?.fetched || !pulls) return null;
  return (
    <>
      <Button onClick={() => setAsking(true)}>
        <Trash2 aria-hidden />
        {t('models.remove')}
      </Button>
      {asking && <RemoveDialog base={base} onClose={() => setAsking(false)} />}
    </>
  );
}
