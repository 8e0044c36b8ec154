import * as Tabs from '@radix-ui/react-tabs';

import { useLanguage } from '@/i18n/language';

import styles from './CodeSamples.module.css';
import { CopyButton } from './CopyButton';
import tabs from './Tabs.module.css';

export interface CodeSample {
  name: string;
  code: string;
  missing?: string; // what stands there instead where there is no code yet
}

// The same thing in several languages, to copy.
export function CodeSamples(props: { label: string; samples: CodeSample[] }) {
  const { direction } = useLanguage();
  return (
    <Tabs.Root defaultValue={props.samples[0]?.name ?? ''} dir={direction}>
      <Tabs.List className={tabs.list} aria-label={props.label}>
        {props.samples.map(({ name }) => (
          <Tabs.Trigger key={name} className={tabs.tab} value={name}>
            {name}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {props.samples.map(({ name, code, missing }) => (
        <Tabs.Content key={name} value={name} className={styles.sample} tabIndex={-1}>
          {code === '' ? (
            <p>{missing}</p>
          ) : (
            <>
              <div className={styles.copy}>
                <CopyButton text={code} label={name} />
              </div>
              {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls is reached by keys */}
              <pre className={styles.code} dir="ltr" tabIndex={0} role="group" aria-label={name}>
                {code}
              </pre>
            </>
          )}
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}
