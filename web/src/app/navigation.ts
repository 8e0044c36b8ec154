// The pages that the sidebar leads to, in its order.
import { Files, SlidersHorizontal, type LucideIcon } from 'lucide-react';

import type { MessageKey } from '@/i18n/catalogue';

export interface NavigationEntry {
  href: string;
  label: MessageKey;
  icon: LucideIcon;
}

export const navigation: NavigationEntry[] = [
  { href: '/fine-tuning', label: 'nav.fineTuning', icon: SlidersHorizontal },
  { href: '/files', label: 'nav.files', icon: Files },
];
