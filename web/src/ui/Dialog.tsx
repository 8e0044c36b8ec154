import clsx from 'clsx';
import { X } from 'lucide-react';
import { useEffect, useId, useRef, type ReactNode } from 'react';

import { useLanguage } from '@/i18n/language';

import { Button } from './Button';
import styles from './Dialog.module.css';

// The browser's own modal dialog: it keeps the focus inside, and Escape closes it.
export function Dialog(props: {
  title: string;
  onClose: () => void;
  wide?: boolean;
  children: ReactNode;
  actions: ReactNode;
}) {
  const { t } = useLanguage();
  const title = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    return () => {
      element?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={clsx(styles.dialog, props.wide && styles.wide)}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
    >
      <header className={styles.header}>
        <h2 id={title}>{props.title}</h2>
        <Button look="quiet" icon aria-label={t('action.close')} onClick={props.onClose}>
          <X aria-hidden />
        </Button>
      </header>
      <div className={styles.body}>{props.children}</div>
      <footer className={styles.footer}>{props.actions}</footer>
    </dialog>
  );
}
