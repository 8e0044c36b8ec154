import clsx from 'clsx';
import { Search } from 'lucide-react';
import { useId, type ComponentProps, type ReactNode } from 'react';

import styles from './Field.module.css';

// A label above its control, with what is wrong with it, or a hint, below.
export function Field(props: {
  label: string;
  error?: string | null | undefined;
  hint?: ReactNode;
  children: (control: {
    id: string;
    'aria-describedby': string | undefined;
    'aria-invalid': boolean;
  }) => ReactNode;
}) {
  const id = useId();
  const note = props.error ?? props.hint;
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{props.label}</label>
      {props.children({
        id,
        'aria-describedby': note ? `${id}-note` : undefined,
        'aria-invalid': Boolean(props.error),
      })}
      {note && (
        <p
          id={`${id}-note`}
          className={props.error ? styles.error : styles.hint}
          role={props.error ? 'alert' : undefined}
        >
          {note}
        </p>
      )}
    </div>
  );
}

export function Input({ className, ...rest }: ComponentProps<'input'>) {
  return <input className={clsx(styles.control, className)} {...rest} />;
}

export function Select({ className, ...rest }: ComponentProps<'select'>) {
  return <select className={clsx(styles.control, styles.select, className)} {...rest} />;
}

export function TextArea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea className={clsx(styles.control, styles.area, className)} {...rest} />;
}

export function SearchInput(props: {
  label: string;
  placeholder?: string;
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <div className={styles.search}>
      <Search aria-hidden />
      <Input
        type="search"
        aria-label={props.label}
        placeholder={props.placeholder ?? props.label}
        value={props.value}
        onChange={(event) => props.onChange(event.target.value)}
      />
    </div>
  );
}
