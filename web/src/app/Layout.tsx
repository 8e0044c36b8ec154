import clsx from 'clsx';
import { Menu, X } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';

import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';

import styles from './Layout.module.css';
import { Logo } from './Logo';
import { navigation } from './navigation';
import { SettingsMenu } from './SettingsMenu';

function NavigationLinks({ onFollow }: { onFollow: () => void }) {
  const { t } = useLanguage();
  const [location] = useLocation();
  return (
    <ul className={styles.links}>
      {navigation.map(({ href, label, icon: Icon }) => {
        const here = location === href || location.startsWith(`${href}/`);
        return (
          <li key={href}>
            <Link
              href={href}
              className={clsx(styles.link, here && styles.here)}
              aria-current={here ? 'page' : undefined}
              onClick={onFollow}
            >
              <Icon aria-hidden />
              {t(label)}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

export function Layout({ children }: { children: ReactNode }) {
  const { t } = useLanguage();
  const [open, setOpen] = useState(false);
  return (
    <div className={styles.layout}>
      <a href="#content" className={styles.skip}>
        {t('app.skip')}
      </a>
      <header className={styles.sidebar}>
        <div className={styles.top}>
          <Logo />
          <Button
            look="quiet"
            icon
            className={styles.toggle}
            aria-label={t('nav.menu')}
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          >
            {open ? <X aria-hidden /> : <Menu aria-hidden />}
          </Button>
        </div>
        <div className={clsx(styles.fold, open && styles.open)}>
          <nav aria-label={t('nav.label')}>
            <NavigationLinks onFollow={() => setOpen(false)} />
          </nav>
          <SettingsMenu />
        </div>
      </header>
      <main id="content" className={styles.content} tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}
