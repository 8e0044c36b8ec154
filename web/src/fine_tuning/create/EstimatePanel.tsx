import { TriangleAlert } from 'lucide-react';

import { describeError } from '@/api/error';
import type { CreateJob, JobEstimate } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { isForbidden, useSystem } from '@/system/system';
import { Fact, Facts } from '@/ui/Facts';

import styles from './CreateJob.module.css';
import { useOutlook, type Outlook } from './estimate';
import { tokensOf } from './expectation';

function EstimateFacts(props: {
  estimate: JobEstimate;
  outlook: Outlook;
  freeBytes: number | undefined;
}) {
  const { t, format } = useLanguage();
  const { estimate, outlook, freeBytes } = props;
  const { expected } = outlook;
  const { tokens } = estimate;
  return (
    <Facts>
      <Fact label={t('estimate.examples')}>{format.number(estimate.examples)}</Fact>
      <Fact label={t('estimate.steps')}>{format.number(estimate.steps)}</Fact>
      <Fact label={t('estimate.tokens')}>
        {t('estimate.tokens.value', { tokens: tokensOf(estimate) })}
      </Fact>
      <Fact label={t('estimate.trained')}>
        {tokens.mean > 0 ? `${Math.round((100 * tokens.mean_trained) / tokens.mean)} %` : '–'}
      </Fact>
      <Fact label={t('estimate.lengths')}>
        {t('estimate.lengths.value', {
          p50: tokens.p50,
          p90: tokens.p90,
          longest: tokens.longest,
        })}
      </Fact>
      <Fact label={t('estimate.rate')}>{format.measure(estimate.learning_rate)}</Fact>
      <Fact label={t('estimate.time')}>
        {expected
          ? t(`estimate.time.by.${expected.by}`, { time: format.duration(expected.seconds) })
          : t(outlook.measuring ? 'estimate.measuring' : 'estimate.time.none')}
      </Fact>
      {expected?.memoryBytes && freeBytes !== undefined && (
        <Fact label={t('estimate.memory')}>
          {t(`estimate.memory.by.${expected.by}`, {
            need: format.bytes(expected.memoryBytes),
            free: format.bytes(freeBytes),
          })}
        </Fact>
      )}
    </Facts>
  );
}

function Warning({ children }: { children: string }) {
  return (
    <p className={styles.warning}>
      <TriangleAlert aria-hidden />
      {children}
    </p>
  );
}

export function EstimatePanel(props: {
  request: CreateJob | null; // null: it is not whole yet
  estimate: JobEstimate | undefined;
  error: unknown;
}) {
  const { t, format } = useLanguage();
  const { estimate } = props;
  const outlook = useOutlook(props.request, estimate);
  const freeBytes = useSystem().data?.memory.available_bytes;
  const need = outlook.expected?.memoryBytes ?? 0;
  return (
    <section className={styles.card} aria-labelledby="estimate" aria-live="polite">
      <h3 id="estimate">{t('estimate.title')}</h3>
      {Boolean(props.error) && <Warning>{describeError(props.error, t)}</Warning>}
      {outlook.error && !isForbidden(outlook.error) && (
        <Warning>{t('estimate.unmeasured', { reason: describeError(outlook.error, t) })}</Warning>
      )}
      {!estimate && !props.error && <p className={styles.muted}>{t('estimate.choose')}</p>}
      {estimate && (
        <>
          {estimate.bad_lines > 0 && (
            <Warning>{t('estimate.bad', { count: estimate.bad_lines })}</Warning>
          )}
          {estimate.tokens.too_long > 0 && (
            <Warning>
              {t('estimate.tooLong', {
                count: estimate.tokens.too_long,
                longest: estimate.longest_example,
              })}
            </Warning>
          )}
          {freeBytes !== undefined && need > freeBytes && (
            <Warning>
              {t('estimate.memory.short', {
                need: format.bytes(need),
                free: format.bytes(freeBytes),
              })}
            </Warning>
          )}
          <EstimateFacts estimate={estimate} outlook={outlook} freeBytes={freeBytes} />
        </>
      )}
    </section>
  );
}
