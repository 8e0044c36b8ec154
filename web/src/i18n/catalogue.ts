// The languages of the page, and their messages. A new area of the page adds a file to en/ and ar/.
import { common as commonArabic } from './ar/common';
import { createJob as createJobArabic } from './ar/create_job';
import { files as filesArabic } from './ar/files';
import { fineTuning as fineTuningArabic } from './ar/fine_tuning';
import { compare as compareArabic } from './ar/compare';
import { models as modelsArabic } from './ar/models';
import { system as systemArabic } from './ar/system';
import { playground as playgroundArabic } from './ar/playground';
import { pulls as pullsArabic } from './ar/pulls';
import { common } from './en/common';
import { createJob } from './en/create_job';
import { files } from './en/files';
import { fineTuning } from './en/fine_tuning';
import { compare } from './en/compare';
import { models } from './en/models';
import { system } from './en/system';
import { playground } from './en/playground';
import { pulls } from './en/pulls';
import type { Message } from './message';

const english = {
  ...common,
  ...createJob,
  ...files,
  ...fineTuning,
  ...compare,
  ...models,
  ...system,
  ...playground,
  ...pulls,
};
export type MessageKey = keyof typeof english;
const arabic: Record<MessageKey, Message> = {
  ...commonArabic,
  ...createJobArabic,
  ...filesArabic,
  ...fineTuningArabic,
  ...compareArabic,
  ...modelsArabic,
  ...systemArabic,
  ...playgroundArabic,
  ...pullsArabic,
};

export interface Language {
  name: string; // in itself
  direction: 'ltr' | 'rtl';
  // For Intl. Digits are Latin everywhere, as they are in ids, code and charts beside them.
  locale: string;
  messages: Record<MessageKey, Message>;
}

export const languages = {
  en: { name: 'English', direction: 'ltr', locale: 'en', messages: english },
  ar: { name: 'العربية', direction: 'rtl', locale: 'ar-u-nu-latn', messages: arabic },
} satisfies Record<string, Language>;
export type LanguageId = keyof typeof languages;
