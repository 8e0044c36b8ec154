import clsx from 'clsx';
import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';

import styles from './BackLink.module.css';

// To the page above. Where a list and the chosen thing share the screen, the list is in sight:
// `narrow` shows the link only where they do not.
export function BackLink(props: { href: string; narrow?: boolean; children: ReactNode }) {
  return (
    <Link href={props.href} className={clsx(styles.back, props.narrow && styles.narrow)}>
      <ArrowLeft aria-hidden />
      {props.children}
    </Link>
  );
}
