import * as Menu from '@radix-ui/react-dropdown-menu';
import { Check, LogOut, Settings } from 'lucide-react';
import type { ReactNode } from 'react';

import { signOut } from '@/api/session';
import { languages, type LanguageId } from '@/i18n/catalogue';
import { useLanguage } from '@/i18n/language';
import { setTheme, themes, useTheme, type Theme } from '@/theme/theme';
import { Button } from '@/ui/Button';
import menu from '@/ui/Menu.module.css';

function Choice<Value extends string>(props: {
  label: string;
  value: Value;
  choices: [Value, string][];
  onChange: (value: Value) => void;
}): ReactNode {
  return (
    <>
      <Menu.Label className={menu.label}>{props.label}</Menu.Label>
      <Menu.RadioGroup
        value={props.value}
        onValueChange={(value) => props.onChange(value as Value)}
      >
        {props.choices.map(([value, name]) => (
          <Menu.RadioItem key={value} value={value} className={menu.item}>
            <span className={menu.mark}>
              <Menu.ItemIndicator>
                <Check aria-hidden />
              </Menu.ItemIndicator>
            </span>
            {name}
          </Menu.RadioItem>
        ))}
      </Menu.RadioGroup>
    </>
  );
}

export function SettingsMenu() {
  const { t, id, setLanguage } = useLanguage();
  const theme = useTheme();
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger asChild>
        <Button look="quiet" className={menu.trigger}>
          <Settings aria-hidden />
          {t('session.settings')}
        </Button>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content className={menu.content} align="start" sideOffset={4}>
          <Choice
            label={t('theme.label')}
            value={theme}
            choices={themes.map((one): [Theme, string] => [one, t(`theme.${one}`)])}
            onChange={setTheme}
          />
          <Menu.Separator className={menu.separator} />
          <Choice
            label={t('language.label')}
            value={id}
            choices={Object.entries(languages).map(([key, { name }]): [LanguageId, string] => [
              key as LanguageId,
              name,
            ])}
            onChange={setLanguage}
          />
          <Menu.Separator className={menu.separator} />
          <Menu.Item className={menu.item} onSelect={signOut}>
            <span className={menu.mark}>
              <LogOut aria-hidden />
            </span>
            {t('session.signOut')}
          </Menu.Item>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}
