import clsx from 'clsx';
import type { ReactNode } from 'react';
import { Link } from 'wouter';

import styles from './SplitPage.module.css';

// A list, and the chosen thing beside it; on a small screen one of the two.
export function SplitPage(props: { list: ReactNode; chosen: boolean; children: ReactNode }) {
  return (
    <div className={clsx(styles.page, props.chosen && styles.chosen)}>
      {props.list}
      <div className={styles.details}>{props.children}</div>
    </div>
  );
}

export function ListPanel(props: {
  label: string;
  title: string;
  action?: ReactNode;
  tools: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className={styles.panel} aria-label={props.label}>
      <header className={styles.header}>
        <h1>{props.title}</h1>
        {props.action}
      </header>
      <div className={styles.tools}>{props.tools}</div>
      <div className={styles.scroll}>{props.children}</div>
    </section>
  );
}

// What an entry of the list shows, in two lines.
export function ListItem(props: { href: string; chosen: boolean; children: ReactNode }) {
  return (
    <li>
      <Link
        href={props.href}
        className={clsx(styles.item, props.chosen && styles.current)}
        aria-current={props.chosen ? 'true' : undefined}
      >
        {props.children}
      </Link>
    </li>
  );
}

export const splitStyles = styles;
