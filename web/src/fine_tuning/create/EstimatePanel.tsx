import { TriangleAlert } from 'lucide-react';

import { describeError } from '@/api/error';
import type { JobEstimate } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { useSystem } from '@/system/system';
import { Fact, Facts } from '@/ui/Facts';

import styles from './CreateJob.module.css';
import { tokensOf, useExperience, type Experience } from './estimate';

function EstimateFacts(props: {
  estimate: JobEstimate;
  experience: Experience | null;
  freeBytes: number | undefined;
}) {
  const { t, format } = useLanguage();
  const { estimate, experience, freeBytes } = props;
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
        {experience
          ? t('estimate.time.value', {
              time: format.duration(experience.secondsPerToken * tokensOf(estimate)),
            })
          : t('estimate.time.none')}
      </Fact>
      {experience?.memoryBytes && freeBytes !== undefined && (
        <Fact label={t('estimate.memory')}>
          {t('estimate.memory.value', {
            need: format.bytes(experience.memoryBytes),
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
  model: string;
  estimate: JobEstimate | undefined;
  error: unknown;
}) {
  const { t, format } = useLanguage();
  const { estimate } = props;
  const experience = useExperience(props.model);
  const freeBytes = useSystem().data?.memory.available_bytes;
  const need = experience?.memoryBytes ?? 0;
  return (
    <section className={styles.card} aria-labelledby="estimate" aria-live="polite">
      <h3 id="estimate">{t('estimate.title')}</h3>
      {Boolean(props.error) && <Warning>{describeError(props.error, t)}</Warning>}
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
          <EstimateFacts estimate={estimate} experience={experience} freeBytes={freeBytes} />
        </>
      )}
    </section>
  );
}
