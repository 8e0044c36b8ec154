import clsx from 'clsx';
import { ArrowLeft } from 'lucide-react';
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

// From the chosen thing back to the list, where only one of them is on the screen.
export function BackLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Link href={href} className={styles.back}>
      <ArrowLeft aria-hidden />
      {children}
    </Link>
  );
}

export const splitStyles = styles;
