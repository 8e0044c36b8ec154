import clsx from 'clsx';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';

import { describeError } from '@/api/error';
import type { ApiKey } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { say } from '@/ui/notices';
import { Failure, Loading } from '@/ui/State';
import { Table } from '@/ui/Table';
import table from '@/ui/Table.module.css';

import { CreateKey } from './CreateKey';
import { ProjectField } from './ProjectField';
import { isForbidden, useKeys, useRevokeKey } from './system';
import styles from './SystemPage.module.css';

function RevokeKey({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const { t } = useLanguage();
  const revoke = useRevokeKey(apiKey.project_id);
  const submit = () =>
    revoke.mutate(apiKey.id, {
      onSuccess: () => say('good', t('keys.revoked')),
      onError: (error) => say('bad', describeError(error, t)),
      onSettled: onClose,
    });
  return (
    <Dialog
      title={t('keys.revoke.ask')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('keys.revoke.keep')}</Button>
          <Button look="danger" disabled={revoke.isPending} onClick={submit}>
            {t('keys.revoke')}
          </Button>
        </>
      }
    >
      {t('keys.revoke.text', { name: apiKey.name || apiKey.id, hint: apiKey.hint })}
    </Dialog>
  );
}

function stateOf(key: ApiKey): 'active' | 'expired' | 'revoked' {
  if (key.revoked_at !== null) return 'revoked';
  return key.expires_at !== null && key.expires_at * 1000 <= Date.now() ? 'expired' : 'active';
}

function KeyRow({ apiKey, onRevoke }: { apiKey: ApiKey; onRevoke: () => void }) {
  const { t, format } = useLanguage();
  const state = stateOf(apiKey);
  return (
    <tr className={clsx(state !== 'active' && styles.dead)}>
      <td>
        <bdi>{apiKey.name || '–'}</bdi>
      </td>
      <td>
        <code dir="ltr">{apiKey.hint}</code>
      </td>
      <td>{t(`keys.role.${apiKey.role}`)}</td>
      <td>
        <Badge tone={state === 'active' ? 'good' : 'idle'}>{t(`keys.state.${state}`)}</Badge>
      </td>
      <td>{format.dateTime(apiKey.created_at)}</td>
      <td>{apiKey.expires_at === null ? t('keys.never') : format.dateTime(apiKey.expires_at)}</td>
      <td className={table.number}>
        {state === 'active' && (
          <Button
            look="quiet"
            onClick={onRevoke}
            aria-label={`${t('keys.revoke')}: ${apiKey.name || apiKey.id}`}
          >
            {t('keys.revoke')}
          </Button>
        )}
      </td>
    </tr>
  );
}

function KeyTable({ keys }: { keys: readonly ApiKey[] }) {
  const { t } = useLanguage();
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  return (
    <>
      <Table labelledBy="system-keys">
        <thead>
          <tr>
            <th>{t('keys.name')}</th>
            <th>{t('keys.hint')}</th>
            <th>{t('keys.role')}</th>
            <th>{t('keys.state')}</th>
            <th>{t('keys.created')}</th>
            <th>{t('keys.expires')}</th>
            <th>
              <span className="visually-hidden">{t('keys.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <KeyRow key={key.id} apiKey={key} onRevoke={() => setRevoking(key)} />
          ))}
        </tbody>
      </Table>
      {revoking && <RevokeKey apiKey={revoking} onClose={() => setRevoking(null)} />}
    </>
  );
}

// The keys of a project, for who holds an admin key.
export function Keys() {
  const { t } = useLanguage();
  const [project, setProject] = useState<string>();
  const keys = useKeys(project);
  const [creating, setCreating] = useState(false);
  return (
    <section className={styles.section} aria-labelledby="system-keys">
      <header className={styles.heading}>
        <h2 id="system-keys">{t('keys.title')}</h2>
        {(keys.data ?? project) !== undefined && (
          <Button onClick={() => setCreating(true)}>
            <Plus aria-hidden />
            {t('keys.create')}
          </Button>
        )}
      </header>
      <div className={styles.choice}>
        <ProjectField value={project} onChange={setProject} />
      </div>
      {keys.isPending && <Loading />}
      {isForbidden(keys.error) && <p className={styles.none}>{t('keys.forbidden')}</p>}
      {keys.isError && !keys.data && !isForbidden(keys.error) && (
        <Failure error={keys.error} onRetry={() => void keys.refetch()} />
      )}
      {keys.data?.length === 0 && <p className={styles.none}>{t('keys.none')}</p>}
      {keys.data && keys.data.length > 0 && <KeyTable keys={keys.data} />}
      {keys.hasNextPage && (
        <Button disabled={keys.isFetchingNextPage} onClick={() => void keys.fetchNextPage()}>
          <KeyRound aria-hidden />
          {t('action.loadMore')}
        </Button>
      )}
      {creating && (
        <CreateKey project={project} onProject={setProject} onClose={() => setCreating(false)} />
      )}
    </section>
  );
}
