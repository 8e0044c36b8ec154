import { useLanguage } from '@/i18n/language';
import { Code } from '@/ui/Facts';
import { Table } from '@/ui/Table';

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
        <Table labelledBy="admin-title">
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
        </Table>
      )}
    </AdminPage>
  );
}
