import { useLanguage } from '@/i18n/language';
import { SplitPage } from '@/ui/SplitPage';
import { EmptyState } from '@/ui/State';
import { useTitle } from '@/ui/title';

import { FileDetails } from './FileDetails';
import { FileList } from './FileList';

export default function FilesPage({ fileId }: { fileId: string | undefined }) {
  const { t } = useLanguage();
  useTitle(t('files.title'));
  return (
    <SplitPage list={<FileList chosen={fileId} />} chosen={fileId !== undefined}>
      {fileId === undefined ? (
        <EmptyState title={t('files.select')} />
      ) : (
        <FileDetails key={fileId} id={fileId} />
      )}
    </SplitPage>
  );
}
