import clsx from 'clsx';
import { CircleAlert, CircleCheck, X } from 'lucide-react';

import { useLanguage } from '@/i18n/language';

import { Button } from './Button';
import { dismiss, useNotices } from './notices';
import styles from './Notices.module.css';

export function Notices() {
  const { t } = useLanguage();
  return (
    <div className={styles.notices} role="status" aria-live="polite">
      {useNotices().map((notice) => (
        <div key={notice.id} className={clsx(styles.notice, styles[notice.kind])}>
          {notice.kind === 'good' ? <CircleCheck aria-hidden /> : <CircleAlert aria-hidden />}
          <p>{notice.text}</p>
          <Button
            look="quiet"
            icon
            aria-label={t('notice.dismiss')}
            onClick={() => dismiss(notice.id)}
          >
            <X aria-hidden />
          </Button>
        </div>
      ))}
    </div>
  );
}
