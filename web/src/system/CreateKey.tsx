import { useState, type SyntheticEvent } from 'react';

import { describeError } from '@/api/error';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field, Input, Select } from '@/ui/Field';

import styles from './CreateKey.module.css';
import { ProjectField } from './ProjectField';
import { Secret } from './Secret';
import { roles, useCreateKey, type KeyRole } from './system';

const DAYS = [30, 90, 365];
const LONGEST_NAME = 100;

export function CreateKey(props: {
  project: string | undefined;
  onProject: (id: string) => void;
  onClose: () => void;
}) {
  const { project, onClose } = props;
  const { t } = useLanguage();
  const create = useCreateKey();
  const [name, setName] = useState('');
  const [role, setRole] = useState<KeyRole>('member');
  const [days, setDays] = useState('');
  if (create.data?.secret !== undefined)
    return (
      <Secret
        title={t('keys.made')}
        label={t('keys.secret')}
        secret={create.data.secret}
        onClose={onClose}
      />
    );
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    create.mutate({ project, name: name.trim(), role, days: days === '' ? null : Number(days) });
  };
  return (
    <Dialog
      title={t('keys.create')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="submit" form="create-key" look="primary" disabled={create.isPending}>
            {t('keys.create')}
          </Button>
        </>
      }
    >
      <form id="create-key" className={styles.form} onSubmit={submit}>
        <Field
          label={t('keys.name')}
          hint={t('keys.nameHint')}
          error={create.error && describeError(create.error, t)}
        >
          {(control) => (
            <Input
              {...control}
              dir="auto"
              maxLength={LONGEST_NAME}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <ProjectField value={project} onChange={props.onProject} />
        <Field label={t('keys.role')} hint={t(`keys.roleHint.${role}`)}>
          {(control) => (
            <Select
              {...control}
              value={role}
              onChange={(event) => setRole(event.target.value as KeyRole)}
            >
              {roles.map((one) => (
                <option key={one} value={one}>
                  {t(`keys.role.${one}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t('keys.expires')}>
          {(control) => (
            <Select {...control} value={days} onChange={(event) => setDays(event.target.value)}>
              <option value="">{t('keys.never')}</option>
              {DAYS.map((one) => (
                <option key={one} value={one}>
                  {t('keys.inDays', { count: one })}
                </option>
              ))}
            </Select>
          )}
        </Field>
      </form>
    </Dialog>
  );
}
