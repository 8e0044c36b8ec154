// The language that the page is in: a context for components.
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';

import { languages, type Language, type LanguageId, type MessageKey } from './catalogue';
import { makeFormats, type Formats } from './format';
import { formatMessage, type Parameters } from './message';

const STORED = 'hone.language';

export type Translate = (key: MessageKey, parameters?: Parameters) => string;

interface LanguageValue {
  id: LanguageId;
  direction: Language['direction'];
  t: Translate;
  format: Formats;
  setLanguage: (id: LanguageId) => void;
}

const LanguageContext = createContext<LanguageValue | null>(null);

function isLanguage(id: string | null): id is LanguageId {
  return id !== null && Object.hasOwn(languages, id);
}

function firstLanguage(): LanguageId {
  const stored = localStorage.getItem(STORED);
  if (isLanguage(stored)) return stored;
  const wanted = navigator.languages.map((tag) => tag.split('-')[0] ?? '').find(isLanguage);
  return wanted ?? 'en';
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [id, setId] = useState(firstLanguage);
  const value = useMemo((): LanguageValue => {
    const language: Language = languages[id];
    return {
      id,
      direction: language.direction,
      t: (key, parameters = {}) =>
        formatMessage(language.messages[key], language.locale, parameters),
      format: makeFormats(language.locale),
      setLanguage: (next) => {
        localStorage.setItem(STORED, next);
        setId(next);
      },
    };
  }, [id]);
  // What another tab chooses holds here, too.
  useEffect(() => {
    const follow = ({ key, newValue }: StorageEvent) => {
      if (key === STORED && isLanguage(newValue)) setId(newValue);
    };
    window.addEventListener('storage', follow);
    return () => window.removeEventListener('storage', follow);
  }, []);
  useEffect(() => {
    document.documentElement.lang = id;
    document.documentElement.dir = value.direction;
  }, [id, value.direction]);
  return <LanguageContext value={value}>{children}</LanguageContext>;
}

export function useLanguage(): LanguageValue {
  const value = useContext(LanguageContext);
  if (!value) throw new Error('useLanguage needs a LanguageProvider around it');
  return value;
}
