import { Link } from 'wouter';

import { isMoving, useJobs } from '@/fine_tuning/jobs';
import { JobListItem } from '@/fine_tuning/JobListItem';
import { useLanguage } from '@/i18n/language';
import { Badge } from '@/ui/Badge';
import { Code, Fact, Facts } from '@/ui/Facts';
import { Failure, Loading } from '@/ui/State';
import { Table } from '@/ui/Table';
import table from '@/ui/Table.module.css';
import { useTitle } from '@/ui/title';
import type { SystemStatus } from '@/api/types';

import { Keys } from './Keys';
import { Meter } from './Meter';
import { Projects } from './Projects';
import { useSystem, useThroughput } from './system';
import styles from './SystemPage.module.css';

function Machine({ system }: { system: SystemStatus }) {
  const { t, format } = useLanguage();
  const { machine } = system;
  return (
    <Facts>
      <Fact label={t('system.cpu')}>
        <bdi>{machine.cpu}</bdi>
      </Fact>
      <Fact label={t('system.cores')}>
        {t('system.coresOf', { usable: machine.usable_cores, all: machine.cores })}
      </Fact>
      <Fact label={t('system.simd')}>
        <Code>{machine.simd}</Code>
      </Fact>
      <Fact label={t('system.os')}>
        <Code>{machine.system}</Code>
      </Fact>
      <Fact label={t('system.version')}>
        <Code>{system.version}</Code>
      </Fact>
      <Fact label={t('system.uptime')}>{format.duration(system.uptime)}</Fact>
      <Fact label={t('system.jobsAtOnce')}>{format.number(system.jobs.max_running)}</Fact>
      <Fact label={t('system.jobThreads')}>{format.number(system.jobs.threads)}</Fact>
    </Facts>
  );
}

function Requests() {
  const { t, format } = useLanguage();
  const { data } = useThroughput();
  if (!data) return null;
  const { requests, perSecond } = data;
  return (
    <Facts>
      <Fact label={t('system.rate')}>
        {perSecond === null ? '–' : format.number(Math.round(perSecond * 10) / 10)}
      </Fact>
      <Fact label={t('system.answered')}>{format.number(requests.answered)}</Fact>
      <Fact label={t('system.refused')}>{format.number(requests.refused)}</Fact>
    </Facts>
  );
}

function Loads({ system: { machine, memory, disk } }: { system: SystemStatus }) {
  const { t, format } = useLanguage();
  const space = (free: number, total: number) =>
    t('system.freeOf', { free: format.bytes(free), total: format.bytes(total) });
  return (
    <div className={styles.meters}>
      <Meter
        label={t('system.load')}
        used={machine.load / Math.max(1, machine.usable_cores)}
        text={format.number(Math.round(machine.load * 100) / 100)}
      />
      <Meter
        label={t('system.memory')}
        used={1 - memory.available_bytes / Math.max(1, memory.total_bytes)}
        text={space(memory.available_bytes, memory.total_bytes)}
      />
      <Meter
        label={t('system.disk')}
        used={1 - disk.available_bytes / Math.max(1, disk.total_bytes)}
        text={space(disk.available_bytes, disk.total_bytes)}
      />
    </div>
  );
}

const TONES = { ready: 'good', starting: 'busy', waiting: 'warn' } as const;

function Children({ system: { children } }: { system: SystemStatus }) {
  const { t, format } = useLanguage();
  if (children.length === 0) return <p className={styles.none}>{t('system.noChildren')}</p>;
  return (
    <Table labelledBy="system-children">
      <thead>
        <tr>
          <th>{t('system.child.base')}</th>
          <th>{t('system.child.state')}</th>
          <th className={table.number}>{t('system.child.requests')}</th>
          <th className={table.number}>{t('system.child.memory')}</th>
          <th className={table.number}>{t('system.child.context')}</th>
          <th className={table.number}>{t('system.child.restarts')}</th>
          <th className={table.number}>{t('system.child.pid')}</th>
        </tr>
      </thead>
      <tbody>
        {children.map((child) => (
          <tr key={child.base}>
            <td>
              <Code>{child.base}</Code>
            </td>
            <td>
              <Badge tone={TONES[child.state]}>{t(`system.child.${child.state}`)}</Badge>
            </td>
            <td className={table.number}>{format.number(child.requests)}</td>
            <td className={table.number}>{format.bytes(child.memory_bytes)}</td>
            <td className={table.number}>{format.number(child.context_length)}</td>
            <td className={table.number}>{format.number(child.restarts)}</td>
            <td className={table.number}>{child.pid ?? '–'}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

// Jobs of the project that run or wait.
function Queue() {
  const { t } = useLanguage();
  const { data = [] } = useJobs();
  const moving = data.filter(isMoving);
  if (moving.length === 0) return <p className={styles.none}>{t('system.noJobs')}</p>;
  return (
    <ul className={styles.queue}>
      {moving.map((job) => (
        <JobListItem key={job.id} job={job} chosen={false} />
      ))}
    </ul>
  );
}

export default function SystemPage() {
  const { t } = useLanguage();
  useTitle(t('system.title'));
  const { data: system, error, refetch } = useSystem();
  return (
    <div className={styles.page}>
      <h1>{t('system.title')}</h1>
      {!system && (error ? <Failure error={error} onRetry={() => void refetch()} /> : <Loading />)}
      {system && (
        <section className={styles.section} aria-labelledby="system-machine">
          <h2 id="system-machine">{t('system.machine')}</h2>
          <Loads system={system} />
          <Machine system={system} />
        </section>
      )}
      {system && (
        <section className={styles.section} aria-labelledby="system-children">
          <h2 id="system-children">{t('system.children')}</h2>
          <Requests />
          <Children system={system} />
        </section>
      )}
      <section className={styles.section} aria-labelledby="system-queue">
        <h2 id="system-queue">{t('system.queue')}</h2>
        <Queue />
      </section>
      <Projects />
      <Keys />
      <section className={styles.section} aria-labelledby="system-admin">
        <h2 id="system-admin">{t('admin.title')}</h2>
        <p className={styles.links}>
          <Link href="/system/webhooks">{t('webhooks.title')}</Link>
          <Link href="/system/audit">{t('audit.title')}</Link>
        </p>
      </section>
    </div>
  );
}
