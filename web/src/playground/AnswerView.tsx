import clsx from 'clsx';
import { RotateCcw, Trophy } from 'lucide-react';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { CopyButton } from '@/ui/CopyButton';
import { useNow } from '@/ui/now';

import styles from './AnswerView.module.css';
import { LogprobsView } from './LogprobsView';
import { retryPane } from './run';
import { isBusy, tokensPerSecond, type Answer } from './state';

function Figures({ answer }: { answer: Answer }) {
  const { t, format } = useLanguage();
  const seconds = (ms: number) =>
    t('playground.seconds', { value: format.number(Math.round(ms / 10) / 100) });
  const rate = tokensPerSecond(answer);
  const figures: [string, string | null][] = [
    [t('playground.promptTokens'), answer.usage && format.number(answer.usage.prompt)],
    [t('playground.answerTokens'), answer.usage && format.number(answer.usage.completion)],
    [t('playground.firstToken'), answer.firstMs === null ? null : seconds(answer.firstMs)],
    [t('playground.total'), answer.totalMs === null ? null : seconds(answer.totalMs)],
    [t('playground.rate'), rate === null ? null : format.number(Math.round(rate * 10) / 10)],
  ];
  return (
    <dl className={styles.figures}>
      {figures.map(
        ([name, value]) =>
          value !== null && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

function Retrying({ answer }: { answer: Answer }) {
  const { t } = useLanguage();
  const now = useNow(500);
  const left = Math.max(0, Math.ceil((answer.retryAt ?? 0) / 1000 - now));
  return (
    <p className={styles.retrying} role="status">
      {answer.error} {t('playground.retryIn', { count: left })}
    </p>
  );
}

function Trouble(props: { answer: Answer; onRetry: () => void }) {
  const { t } = useLanguage();
  if (props.answer.state === 'retrying') return <Retrying answer={props.answer} />;
  if (props.answer.state !== 'failed') return null;
  return (
    <div className={styles.failed} role="alert">
      <p dir="auto">{props.answer.error}</p>
      <Button onClick={props.onRetry}>
        <RotateCcw aria-hidden />
        {t('action.retry')}
      </Button>
    </div>
  );
}

function Body({ answer }: { answer: Answer }) {
  const { t } = useLanguage();
  if (answer.tokens.length > 0) return <LogprobsView tokens={answer.tokens} />;
  if (answer.text !== '')
    return (
      <p className={clsx(styles.text, answer.state === 'streaming' && styles.growing)} dir="auto">
        {answer.text}
      </p>
    );
  if (answer.state === 'waiting' || answer.state === 'streaming')
    return <p className={styles.waiting}>{t('playground.waiting')}</p>;
  return answer.state === 'done' ? (
    <p className={styles.waiting}>{t('playground.nothing')}</p>
  ) : null;
}

export function AnswerView(props: {
  answer: Answer;
  pane: string;
  turnIndex: number;
  label: string;
  hidden: boolean; // which model it is, and what could tell
  best: boolean;
}) {
  const { t } = useLanguage();
  const { answer, hidden } = props;
  const cut = answer.state === 'stopped' ? 'stopped' : answer.finish === 'length' ? 'length' : null;
  return (
    <li className={clsx(styles.answer, props.best && styles.best)}>
      <header className={styles.header}>
        <span className={styles.model} dir={hidden ? undefined : 'ltr'} title={props.label}>
          {props.label}
        </span>
        {props.best && (
          <span className={styles.winner}>
            <Trophy aria-hidden />
            {t('playground.vote.best')}
          </span>
        )}
        {answer.text !== '' && !isBusy(answer) && (
          <CopyButton text={answer.text} label={props.label} />
        )}
      </header>
      <Body answer={answer} />
      <Trouble answer={answer} onRetry={() => retryPane(props.turnIndex, props.pane, t)} />
      {cut && <p className={styles.cut}>{t(`playground.cut.${cut}`)}</p>}
      {!hidden && <Figures answer={answer} />}
    </li>
  );
}
