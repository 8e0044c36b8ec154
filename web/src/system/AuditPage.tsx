import { useLanguage } from '@/i18n/language';
import { Code } from '@/ui/Facts';
import table from '@/ui/Table.module.css';

import { useAudit } from './admin';
import { AdminPage } from './AdminPage';

// Who changed what in the project.
export default function AuditPage() {
  const { t, format } = useLanguage();
  return (
    <AdminPage
      title={t('audit.title')}
      text={t('audit.text')}
      none={t('audit.none')}
      list={useAudit()}
    >
      {(entries) => (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls is reached by keys
        <div className={table.frame} tabIndex={0} role="group" aria-labelledby="admin-title">
          <table className={table.table}>
            <thead>
              <tr>
                <th>{t('audit.at')}</th>
                <th>{t('audit.action')}</th>
                <th>{t('audit.target')}</th>
                <th>{t('audit.key')}</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <tr key={entry.id}>
                  <td>{format.dateTime(entry.created_at)}</td>
                  <td>
                    <Code>{entry.action}</Code>
                  </td>
                  <td>
                    <Code>{entry.target}</Code>
                  </td>
                  <td>
                    <Code>{entry.key_id}</Code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </AdminPage>
  );
}
