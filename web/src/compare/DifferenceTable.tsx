import clsx from 'clsx';
import { Trophy } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';

import type { Job } from '@/api/types';
import type { MessageKey } from '@/i18n/catalogue';
import { useLanguage } from '@/i18n/language';
import { Table } from '@/ui/Table';

import styles from './DifferenceTable.module.css';
import { bestCells, differs, nameOf, type Row } from './runs';

function useCellText() {
  const { t, format } = useLanguage();
  return ({ label }: Row<MessageKey>, cell: string | number | null) => {
    if (cell === null) return '–';
    if (label === 'job.duration') return format.duration(Number(cell));
    if (typeof cell === 'number') return format.measure(cell);
    if (cell === 'auto') return t('job.auto');
    if (label === 'job.status') return t(`status.${cell as Job['status']}`);
    if (label === 'job.method') return t(`job.method.${cell as 'supervised' | 'dpo'}`);
    return cell;
  };
}

// What the runs were told and what came of them, side by side. Lines in which they differ stand out.
export function DifferenceTable(props: { jobs: readonly Job[]; rows: readonly Row<MessageKey>[] }) {
  const { t } = useLanguage();
  const text = useCellText();
  const [only, setOnly] = useState(false);
  const rows = only ? props.rows.filter(differs) : props.rows;
  return (
    <section aria-labelledby="compare-table">
      <header className={styles.header}>
        <h2 id="compare-table">{t('compare.table')}</h2>
        <label>
          <input
            type="checkbox"
            checked={only}
            onChange={(event) => setOnly(event.target.checked)}
          />
          {t('compare.only')}
        </label>
      </header>
      <Table labelledBy="compare-table">
        <thead>
          <tr>
            <th>
              <span className="visually-hidden">{t('compare.table')}</span>
            </th>
            {props.jobs.map((job, index) => (
              <th key={job.id} scope="col">
                <span className={styles.run}>
                  <svg viewBox="0 0 8 8" aria-hidden>
                    <circle cx="4" cy="4" r="4" fill={`var(--series-${index + 1})`} />
                  </svg>
                  <Link href={`/fine-tuning/${job.id}`} title={job.id}>
                    <bdi>{nameOf(job)}</bdi>
                  </Link>
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const best = bestCells(row);
            return (
              <tr key={row.label} className={clsx(differs(row) && !row.best && styles.differs)}>
                <th scope="row" className={styles.label}>
                  {t(row.label)}
                  {differs(row) && (
                    <span className="visually-hidden"> ({t('compare.differs')})</span>
                  )}
                </th>
                {row.cells.map((cell, index) => (
                  <td key={props.jobs[index]?.id}>
                    <bdi>{text(row, cell)}</bdi>
                    {best[index] && (
                      <Trophy className={styles.best} aria-label={t('compare.best')} />
                    )}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </Table>
    </section>
  );
}
