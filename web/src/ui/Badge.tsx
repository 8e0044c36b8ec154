import clsx from 'clsx';
import type { ReactNode } from 'react';

import styles from './Badge.module.css';

export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'idle';

export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={clsx(styles.badge, styles[tone])}>{children}</span>;
}
