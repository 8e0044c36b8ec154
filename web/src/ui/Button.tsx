import clsx from 'clsx';
import type { ComponentProps } from 'react';

import styles from './Button.module.css';

interface ButtonProps extends ComponentProps<'button'> {
  look?: 'primary' | 'normal' | 'quiet' | 'danger';
  // Square, for an icon alone: `aria-label` says what it does.
  icon?: boolean;
}

export function Button({ look = 'normal', icon = false, className, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={clsx(styles.button, styles[look], icon && styles.icon, className)}
      {...rest}
    />
  );
}
