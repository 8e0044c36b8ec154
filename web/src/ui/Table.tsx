import type { ReactNode } from 'react';

import styles from './Table.module.css';

// A table in a frame that scrolls where the page is narrow. `labelledBy`: the id of its heading.
export function Table({ labelledBy, children }: { labelledBy: string; children: ReactNode }) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls is reached by keys
    <div className={styles.frame} tabIndex={0} role="group" aria-labelledby={labelledBy}>
      <table className={styles.table}>{children}</table>
    </div>
  );
}
