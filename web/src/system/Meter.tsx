import { useId } from 'react';

import styles from './Meter.module.css';

// How much of something is taken: `used` from 0 to 1, more where it is more than there is.
export function Meter(props: { label: string; used: number; text: string }) {
  const id = useId();
  return (
    <div className={styles.meter}>
      <span id={id}>{props.label}</span>
      <b>{props.text}</b>
      <meter
        aria-labelledby={id}
        min={0}
        max={1}
        low={0.75}
        high={0.92}
        optimum={0}
        value={Math.min(1, Math.max(0, props.used))}
      />
    </div>
  );
}
