import clsx from 'clsx';
import { Upload } from 'lucide-react';
import { useRef, useState } from 'react';

import { useLanguage } from '@/i18n/language';

import styles from './DropZone.module.css';

// Takes files by drag and drop, and by the browser's own choice of files.
export function DropZone({ onFiles }: { onFiles: (files: File[]) => void }) {
  const { t } = useLanguage();
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        className={clsx(styles.zone, over && styles.over)}
        onClick={() => input.current?.click()}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          onFiles([...event.dataTransfer.files]);
        }}
      >
        <Upload aria-hidden />
        {over ? t('files.dropNow') : t('files.drop')}
      </button>
      <input
        ref={input}
        type="file"
        accept=".jsonl"
        hidden
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          event.target.value = ''; // so that the same file can be chosen again
        }}
      />
    </>
  );
}
