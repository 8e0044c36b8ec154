import { CircleCheck, CircleX } from 'lucide-react';
import { useMemo } from 'react';

import { useLanguage } from '@/i18n/language';

import styles from './BadLines.module.css';
import { useFileLines, useFileReport } from './files';

const MOST_SHOWN = 50;

// Each line of a training file that cannot be used, in its own words, and why.
export function BadLines({ fileId, sayGood = false }: { fileId: string; sayGood?: boolean }) {
  const { t } = useLanguage();
  const { data: report } = useFileReport(fileId);
  const shown = useMemo(() => report?.data.slice(0, MOST_SHOWN) ?? [], [report]);
  const numbers = useMemo(() => shown.map((one) => one.line), [shown]);
  const { data: lines } = useFileLines(fileId, numbers);
  if (!report) return null;
  if (report.bad_lines === 0)
    return sayGood ? (
      <p className={styles.good}>
        <CircleCheck aria-hidden />
        {t('report.good')}
      </p>
    ) : null;
  const more = report.bad_lines - shown.length;
  return (
    <section className={styles.report} aria-labelledby={`bad-${fileId}`}>
      <h3 id={`bad-${fileId}`}>
        <CircleX aria-hidden />
        {t('report.title', { count: report.bad_lines })}
      </h3>
      <ol className={styles.lines}>
        {shown.map((one) => {
          const line = lines?.data.find((found) => found.line === one.line);
          return (
            <li key={one.line} className={styles.line}>
              <span className={styles.number}>{t('report.line', { line: one.line })}</span>
              <div className={styles.what}>
                <p dir="auto">{one.reason}</p>
                {line && (
                  <pre className={styles.text} dir="auto">
                    {line.text}
                    {line.shortened && <i>… {t('preview.shortened')}</i>}
                  </pre>
                )}
              </div>
            </li>
          );
        })}
      </ol>
      {more > 0 && <p className={styles.more}>{t('report.more', { count: more })}</p>}
    </section>
  );
}
