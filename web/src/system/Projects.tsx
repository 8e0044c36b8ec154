import { Plus } from 'lucide-react';
import { useState, type SyntheticEvent } from 'react';

import { describeError } from '@/api/error';
import type { Project } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Code } from '@/ui/Facts';
import { Field, Input } from '@/ui/Field';
import { say } from '@/ui/notices';
import { Failure, Loading } from '@/ui/State';
import { Table } from '@/ui/Table';
import table from '@/ui/Table.module.css';

import { useCreateProject, useProjects } from './admin';
import form from './CreateKey.module.css';
import { isForbidden } from './system';
import styles from './SystemPage.module.css';

const LONGEST_NAME = 64;

function CreateProject({ onClose }: { onClose: () => void }) {
  const { t } = useLanguage();
  const create = useCreateProject();
  const [name, setName] = useState('');
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    create.mutate(name.trim(), {
      onSuccess: (project) => {
        say('good', t('projects.created', { name: project.name }));
        onClose();
      },
    });
  };
  return (
    <Dialog
      title={t('projects.create')}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="submit" form="create-project" look="primary" disabled={create.isPending}>
            {t('projects.create')}
          </Button>
        </>
      }
    >
      <form id="create-project" className={form.form} onSubmit={submit}>
        <Field
          label={t('projects.name')}
          hint={t('projects.nameHint')}
          error={create.error && describeError(create.error, t)}
        >
          {(control) => (
            <Input
              {...control}
              dir="ltr"
              required
              maxLength={LONGEST_NAME}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
      </form>
    </Dialog>
  );
}

function ProjectTable({ projects }: { projects: readonly Project[] }) {
  const { t, format } = useLanguage();
  return (
    <Table labelledBy="system-projects">
      <thead>
        <tr>
          <th>{t('projects.name')}</th>
          <th>{t('projects.id')}</th>
          <th>{t('projects.made')}</th>
          <th className={table.number}>{t('projects.keys')}</th>
          <th className={table.number}>{t('projects.files')}</th>
          <th className={table.number}>{t('projects.jobs')}</th>
          <th className={table.number}>{t('projects.size')}</th>
        </tr>
      </thead>
      <tbody>
        {projects.map((project) => (
          <tr key={project.id}>
            <td>
              <bdi>{project.name}</bdi>
            </td>
            <td>
              <Code>{project.id}</Code>
            </td>
            <td>{format.dateTime(project.created_at)}</td>
            <td className={table.number}>{format.number(project.keys)}</td>
            <td className={table.number}>{format.number(project.files)}</td>
            <td className={table.number}>{format.number(project.jobs)}</td>
            <td className={table.number}>{format.bytes(project.bytes)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

// All projects, for who holds an admin key of the first one.
export function Projects() {
  const { t } = useLanguage();
  const projects = useProjects();
  const [creating, setCreating] = useState(false);
  return (
    <section className={styles.section} aria-labelledby="system-projects">
      <header className={styles.heading}>
        <h2 id="system-projects">{t('projects.title')}</h2>
        {projects.data && (
          <Button onClick={() => setCreating(true)}>
            <Plus aria-hidden />
            {t('projects.create')}
          </Button>
        )}
      </header>
      {projects.isPending && <Loading />}
      {isForbidden(projects.error) && <p className={styles.none}>{t('projects.forbidden')}</p>}
      {projects.isError && !projects.data && !isForbidden(projects.error) && (
        <Failure error={projects.error} onRetry={() => void projects.refetch()} />
      )}
      {projects.data && <p className={styles.muted}>{t('projects.text')}</p>}
      {projects.data && <ProjectTable projects={projects.data} />}
      {projects.hasNextPage && (
        <Button
          className={styles.more}
          disabled={projects.isFetchingNextPage}
          onClick={() => void projects.fetchNextPage()}
        >
          {t('action.loadMore')}
        </Button>
      )}
      {creating && <CreateProject onClose={() => setCreating(false)} />}
    </section>
  );
}
