import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';

import { useLanguage } from '@/i18n/language';

import { Button } from './Button';

const SHOWN_MS = 1500;

export function CopyButton({ text, label }: { text: string; label: string }) {
  const { t } = useLanguage();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <Button
      look="quiet"
      icon
      aria-label={copied ? t('action.copied') : `${t('action.copy')}: ${label}`}
      title={copied ? t('action.copied') : t('action.copy')}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      {copied ? <Check aria-hidden /> : <Copy aria-hidden />}
    </Button>
  );
}
