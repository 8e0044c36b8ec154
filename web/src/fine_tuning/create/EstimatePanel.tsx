import { TriangleAlert } from 'lucide-react';

import { describeError } from '@/api/error';
import type { JobEstimate } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Fact, Facts } from '@/ui/Facts';

import styles from './CreateJob.module.css';
import { tokensOf, useExpectedSeconds } from './estimate';

function EstimateFacts({ model, estimate }: { model: string; estimate: JobEstimate }) {
  const { t, format } = useLanguage();
  const seconds = useExpectedSeconds(model, estimate);
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
        {seconds === null
          ? t('estimate.time.none')
          : t('estimate.time.value', { time: format.duration(seconds) })}
      </Fact>
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
  const { t } = useLanguage();
  const { estimate } = props;
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
          <EstimateFacts model={props.model} estimate={estimate} />
        </>
      )}
    </section>
  );
}
