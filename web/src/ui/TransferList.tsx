import type { ComponentProps, ReactNode } from 'react';

import styles from './TransferList.module.css';

// What is on its way, to the server or from elsewhere to it. `live`: its lines are read out as they
// change.
export function TransferList(props: { label: string; live?: boolean; children: ReactNode }) {
  return (
    <ul
      className={styles.list}
      aria-label={props.label}
      aria-live={props.live ? 'polite' : undefined}
    >
      {props.children}
    </ul>
  );
}

// A line with its name and what can be done, then how far it is, and below how it stands.
export function TransferItem(props: {
  name: string;
  buttons: ReactNode;
  bar?: ComponentProps<'progress'> | false;
  children: ReactNode;
}) {
  return (
    <li className={styles.item}>
      <div className={styles.line}>
        <bdi className={styles.name}>{props.name}</bdi>
        {props.buttons}
      </div>
      {props.bar && <progress className={styles.bar} {...props.bar} />}
      {props.children}
    </li>
  );
}

export const transferStyles = styles;
