import { useVirtualizer } from '@tanstack/react-virtual';
import clsx from 'clsx';
import { ArrowDown } from 'lucide-react';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';

import type { JobEvent } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { SearchInput, Select } from '@/ui/Field';

import { filterEvents, messageLevels, type MessageLevel } from './event_filter';
import styles from './MessagesPanel.module.css';

const ROW_HEIGHT = 26; // of one line
const NEAR_END = 40; // pixels from the end that still count as being there

function MessageRow({ event }: { event: JobEvent }) {
  const { t, format } = useLanguage();
  return (
    <>
      <time className={styles.time} dateTime={new Date(event.created_at * 1000).toISOString()}>
        {format.time(event.created_at)}
      </time>
      <span className={clsx(styles.level, styles[event.level])}>{t(`level.${event.level}`)}</span>
      <span className={styles.text} dir="auto">
        {event.message}
      </span>
    </>
  );
}

// Rows that are out of sight are not drawn. The end stays in sight if it was.
function MessageRows({ events }: { events: readonly JobEvent[] }) {
  const { t } = useLanguage();
  const scroller = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const rows = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => events[index]?.id ?? index,
    overscan: 12,
  });
  const last = events.length - 1;
  useEffect(() => {
    if (atEnd && last >= 0) rows.scrollToIndex(last, { align: 'end' });
  }, [atEnd, last, rows]);
  return (
    <div className={styles.frame}>
      <div
        ref={scroller}
        className={styles.rows}
        role="log"
        aria-label={t('messages.title')}
        aria-live="off"
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must take the keyboard
        tabIndex={0}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) =>
          setAtEnd(scrollHeight - scrollTop - clientHeight < NEAR_END)
        }
      >
        <div className={styles.sheet} style={{ blockSize: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const event = events[row.index];
            return (
              <div
                key={row.key}
                ref={rows.measureElement}
                data-index={row.index}
                className={styles.row}
                style={{ transform: `translateY(${row.start}px)` }}
              >
                {event && <MessageRow event={event} />}
              </div>
            );
          })}
        </div>
      </div>
      {!atEnd && (
        <Button className={styles.follow} onClick={() => setAtEnd(true)}>
          <ArrowDown aria-hidden />
          {t('messages.follow')}
        </Button>
      )}
    </div>
  );
}

// `events` grows in place; `version` says that it did.
export function MessagesPanel({ events, version }: { events: JobEvent[]; version: number }) {
  const { t } = useLanguage();
  const [search, setSearch] = useState('');
  const [level, setLevel] = useState<MessageLevel>('all');
  const [steps, setSteps] = useState(true);
  const wanted = useDeferredValue(search);
  const shown = useMemo(
    () => filterEvents(events, { search: wanted, level, steps }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `events` is the same array at every version
    [events, version, wanted, level, steps],
  );
  return (
    <section aria-label={t('messages.title')}>
      <div className={styles.tools}>
        <SearchInput label={t('messages.search')} value={search} onChange={setSearch} />
        <Select
          aria-label={t('messages.level')}
          value={level}
          onChange={(event) => setLevel(event.target.value as MessageLevel)}
        >
          {messageLevels.map((one) => (
            <option key={one} value={one}>
              {t(`messages.level.${one}`)}
            </option>
          ))}
        </Select>
        <label className={styles.check}>
          <input
            type="checkbox"
            checked={steps}
            onChange={(event) => setSteps(event.target.checked)}
          />
          {t('messages.steps')}
        </label>
        <span className={styles.count}>{t('messages.count', { count: shown.length })}</span>
      </div>
      {shown.length > 0 ? (
        <MessageRows events={shown} />
      ) : (
        <p className={styles.none}>
          {events.length === 0 ? t('messages.none') : t('messages.noneFound')}
        </p>
      )}
    </section>
  );
}
