import { useState, type SyntheticEvent } from 'react';

import { describeError } from '@/api/error';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field, Input } from '@/ui/Field';

import { useCreateWebhook, webhookEvents, type WebhookEvent } from './admin';
import styles from './CreateKey.module.css';
import { Secret } from './Secret';

export function CreateWebhook({ onClose }: { onClose: () => void }) {
  const { t } = useLanguage();
  const create = useCreateWebhook();
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState<readonly WebhookEvent[]>(webhookEvents);
  if (create.data?.secret !== undefined)
    return (
      <Secret
        title={t('webhooks.made')}
        label={t('webhooks.secret')}
        secret={create.data.secret}
        onClose={onClose}
      />
    );
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    create.mutate({ url: url.trim(), events });
  };
  return (
    <Dialog
      title={t('webhooks.create')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button
            type="submit"
            form="create-webhook"
            look="primary"
            disabled={create.isPending || events.length === 0}
          >
            {t('webhooks.create')}
          </Button>
        </>
      }
    >
      <form id="create-webhook" className={styles.form} onSubmit={submit}>
        <Field
          label={t('webhooks.url')}
          hint={t('webhooks.urlHint')}
          error={create.error && describeError(create.error, t)}
        >
          {(control) => (
            <Input
              {...control}
              type="url"
              dir="ltr"
              required
              maxLength={2048}
              placeholder="https://"
              value={url}
              onChange={(event) => setUrl(event.target.value)}
            />
          )}
        </Field>
        <fieldset className={styles.events}>
          <legend>{t('webhooks.events')}</legend>
          {webhookEvents.map((event) => (
            <label key={event} htmlFor={`event-${event}`}>
              <input
                id={`event-${event}`}
                type="checkbox"
                checked={events.includes(event)}
                onChange={({ target }) =>
                  setEvents(
                    webhookEvents.filter((one) =>
                      one === event ? target.checked : events.includes(one),
                    ),
                  )
                }
              />
              {t(`webhooks.event.${event}`)}
            </label>
          ))}
        </fieldset>
      </form>
    </Dialog>
  );
}
