import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { CopyButton } from '@/ui/CopyButton';
import { Dialog } from '@/ui/Dialog';

import styles from './CreateKey.module.css';

// A secret that the server made, this once.
export function Secret(props: {
  title: string;
  label: string;
  secret: string;
  onClose: () => void;
}) {
  const { t } = useLanguage();
  return (
    <Dialog
      title={props.title}
      onClose={props.onClose}
      actions={
        <Button look="primary" onClick={props.onClose}>
          {t('keys.done')}
        </Button>
      }
    >
      <p>{t('keys.once')}</p>
      <p className={styles.secret}>
        <code dir="ltr">{props.secret}</code>
        <CopyButton text={props.secret} label={props.label} />
      </p>
    </Dialog>
  );
}
