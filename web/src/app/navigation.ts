// The pages that the sidebar leads to, in its order.
import {
  Boxes,
  ChartSpline,
  Files,
  MessagesSquare,
  Server,
  SlidersHorizontal,
  type LucideIcon,
} from 'lucide-react';

import type { MessageKey } from '@/i18n/catalogue';

export interface NavigationEntry {
  href: string;
  label: MessageKey;
  icon: LucideIcon;
}

export const navigation: NavigationEntry[] = [
  { href: '/fine-tuning', label: 'nav.fineTuning', icon: SlidersHorizontal },
  { href: '/playground', label: 'nav.playground', icon: MessagesSquare },
  { href: '/files', label: 'nav.files', icon: Files },
  { href: '/models', label: 'nav.models', icon: Boxes },
  { href: '/compare', label: 'nav.compare', icon: ChartSpline },
  { href: '/system', label: 'nav.system', icon: Server },
];
