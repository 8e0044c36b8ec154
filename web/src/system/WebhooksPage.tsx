import { Plus } from 'lucide-react';
import { useState } from 'react';

import { describeError } from '@/api/error';
import type { Webhook } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { say } from '@/ui/notices';
import { Table } from '@/ui/Table';
import table from '@/ui/Table.module.css';

import { eventsOf, useDeleteWebhook, useWebhooks } from './admin';
import { AdminPage } from './AdminPage';
import { CreateWebhook } from './CreateWebhook';

function DeleteWebhook({ webhook, onClose }: { webhook: Webhook; onClose: () => void }) {
  const { t } = useLanguage();
  const remove = useDeleteWebhook();
  const submit = () =>
    remove.mutate(webhook.id, {
      onSuccess: () => say('good', t('webhooks.deleted')),
      onError: (error) => say('bad', describeError(error, t)),
      onSettled: onClose,
    });
  return (
    <Dialog
      title={t('webhooks.delete.ask')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('webhooks.delete.keep')}</Button>
          <Button look="danger" disabled={remove.isPending} onClick={submit}>
            {t('webhooks.delete')}
          </Button>
        </>
      }
    >
      {t('webhooks.delete.text', { url: webhook.url })}
    </Dialog>
  );
}

function WebhookTable({ webhooks }: { webhooks: readonly Webhook[] }) {
  const { t, format } = useLanguage();
  const [deleting, setDeleting] = useState<Webhook | null>(null);
  return (
    <>
      <Table labelledBy="admin-title">
        <thead>
          <tr>
            <th>{t('webhooks.url')}</th>
            <th>{t('webhooks.events')}</th>
            <th>{t('keys.created')}</th>
            <th>
              <span className="visually-hidden">{t('keys.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {webhooks.map((webhook) => (
            <tr key={webhook.id}>
              <td>
                <bdi dir="ltr">{webhook.url}</bdi>
              </td>
              <td>
                {eventsOf(webhook)
                  .map((event) => t(`webhooks.event.${event}`))
                  .join(t('list.comma'))}
              </td>
              <td>{format.dateTime(webhook.created_at)}</td>
              <td className={table.number}>
                <Button
                  look="quiet"
                  aria-label={`${t('webhooks.delete')}: ${webhook.url}`}
                  onClick={() => setDeleting(webhook)}
                >
                  {t('webhooks.delete')}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      {deleting && <DeleteWebhook webhook={deleting} onClose={() => setDeleting(null)} />}
    </>
  );
}

// Who is told how the project's jobs end.
export default function WebhooksPage() {
  const { t } = useLanguage();
  const [creating, setCreating] = useState(false);
  return (
    <>
      <AdminPage
        title={t('webhooks.title')}
        text={t('webhooks.text')}
        none={t('webhooks.none')}
        list={useWebhooks()}
        action={
          <Button onClick={() => setCreating(true)}>
            <Plus aria-hidden />
            {t('webhooks.create')}
          </Button>
        }
      >
        {(webhooks) => <WebhookTable webhooks={webhooks} />}
      </AdminPage>
      {creating && <CreateWebhook onClose={() => setCreating(false)} />}
    </>
  );
}
