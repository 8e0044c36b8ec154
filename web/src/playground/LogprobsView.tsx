import clsx from 'clsx';
import { useId, useState, type KeyboardEvent } from 'react';

import { useLanguage } from '@/i18n/language';

import styles from './LogprobsView.module.css';
import { bandFrom, bandOf, bands, visible } from './probability';
import type { Token } from './state';

function Alternatives({ token }: { token: Token }) {
  const { t, format } = useLanguage();
  const percent = (logprob: number) => format.percent(Math.exp(logprob));
  const all = token.alternatives.some((one) => one.token === token.token)
    ? token.alternatives
    : [...token.alternatives, token];
  return (
    <table className={styles.table}>
      <caption>{t('playground.alternatives')}</caption>
      <tbody>
        {all.map((one, place) => (
          <tr key={place} className={clsx(one.token === token.token && styles.written)}>
            <th scope="row">
              <code dir="ltr">{visible(one.token)}</code>
            </th>
            <td>
              <meter min={0} max={1} value={Math.exp(one.logprob)} aria-hidden />
            </td>
            <td className={styles.percent}>{percent(one.logprob)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Legend() {
  const { t, format } = useLanguage();
  return (
    <ul className={styles.legend}>
      {bands.map((band) => (
        <li key={band}>
          <span className={clsx(styles.token, styles[band])} aria-hidden>
            a
          </span>
          {band === 'unlikely'
            ? t('playground.below', { value: format.percent(bandFrom('unsure')) })
            : t('playground.from', { value: format.percent(bandFrom(band)) })}
        </li>
      ))}
    </ul>
  );
}

// An answer, token by token. Arrow keys go from one to the next.
export function LogprobsView({ tokens }: { tokens: readonly Token[] }) {
  const { t, format } = useLanguage();
  const id = useId();
  const [at, setAt] = useState(0);
  const current = Math.min(at, tokens.length - 1);
  const onKeyDown = (event: KeyboardEvent) => {
    const forward = ['ArrowRight', 'ArrowDown'].includes(event.key);
    if (!forward && !['ArrowLeft', 'ArrowUp', 'Home', 'End'].includes(event.key)) return;
    event.preventDefault();
    if (event.key === 'Home') setAt(0);
    else if (event.key === 'End') setAt(tokens.length - 1);
    else setAt(Math.max(0, Math.min(tokens.length - 1, current + (forward ? 1 : -1))));
  };
  const shown = tokens[current];
  return (
    <>
      <div
        className={styles.tokens}
        dir="auto"
        role="listbox"
        aria-label={t('playground.tokens')}
        aria-activedescendant={`${id}-${current}`}
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        {tokens.map((token, index) => (
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus -- the list has the focus and the keys
          <span
            key={index}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === current}
            aria-label={`${visible(token.token)} ${format.percent(Math.exp(token.logprob))}`}
            className={clsx(
              styles.token,
              styles[bandOf(token.logprob)],
              index === current && styles.current,
            )}
            onMouseEnter={() => setAt(index)}
            onClick={() => setAt(index)}
          >
            {token.token}
          </span>
        ))}
      </div>
      <Legend />
      {shown && <Alternatives token={shown} />}
    </>
  );
}
