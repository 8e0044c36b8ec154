import type { ReactNode } from 'react';

import { CopyButton } from './CopyButton';
import styles from './Facts.module.css';

// Names with their values, side by side where there is room.
export function Facts({ children }: { children: ReactNode }) {
  return <dl className={styles.facts}>{children}</dl>;
}

export function Fact(props: {
  label: string;
  copy?: string | null | undefined;
  children: ReactNode;
}) {
  return (
    <div className={styles.fact}>
      <dt>{props.label}</dt>
      <dd>
        <span className={styles.value}>{props.children}</span>
        {props.copy && <CopyButton text={props.copy} label={props.label} />}
      </dd>
    </div>
  );
}

// An id or a number of the machine's: from left to right in every language.
export function Code({ children }: { children: string }) {
  return <code dir="ltr">{children}</code>;
}
