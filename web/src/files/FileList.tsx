import { useState } from 'react';
import { useLocation } from 'wouter';

import type { ApiFile } from '@/api/types';
import { useLanguage } from '@/i18n/language';
import { Button } from '@/ui/Button';
import { SearchInput, Select } from '@/ui/Field';
import { ListItem, ListPanel, splitStyles as styles } from '@/ui/SplitPage';
import { EmptyState, Failure, Loading } from '@/ui/State';

import { DropZone } from './DropZone';
import own from './FileList.module.css';
import { FileStatus } from './FileStatus';
import { useFiles } from './files';
import { UploadList } from './UploadList';
import { startUpload } from './uploads';

const PURPOSES = ['fine-tune', 'fine-tune-results'] as const;

function FileListItem({ file, chosen }: { file: ApiFile; chosen: boolean }) {
  const { format } = useLanguage();
  return (
    <ListItem href={`/files/${file.id}`} chosen={chosen}>
      <span className={styles.line}>
        <bdi className={styles.name}>{file.filename}</bdi>
        <span className={styles.aside}>{format.bytes(file.bytes)}</span>
      </span>
      <span className={styles.line}>
        <bdi className={styles.id}>{file.id}</bdi>
        <FileStatus file={file} />
      </span>
    </ListItem>
  );
}

const fits = (file: ApiFile, search: string) =>
  `${file.filename}\n${file.id}`.toLowerCase().includes(search.trim().toLowerCase());

export function FileList({ chosen }: { chosen: string | undefined }) {
  const { t } = useLanguage();
  const [, navigate] = useLocation();
  const [search, setSearch] = useState('');
  const [purpose, setPurpose] = useState('');
  const files = useFiles(purpose);
  const shown = (files.data ?? []).filter((file) => fits(file, search));
  return (
    <ListPanel
      label={t('files.list')}
      title={t('files.title')}
      tools={
        <>
          <SearchInput label={t('files.search')} value={search} onChange={setSearch} />
          <Select
            aria-label={t('files.purpose')}
            value={purpose}
            onChange={(event) => setPurpose(event.target.value)}
          >
            <option value="">{t('files.purpose.all')}</option>
            {PURPOSES.map((one) => (
              <option key={one} value={one}>
                {t(`files.purpose.${one}`)}
              </option>
            ))}
          </Select>
        </>
      }
    >
      <div className={own.uploads}>
        <DropZone
          onFiles={(given) => {
            for (const file of given)
              void startUpload(file).then((made) => made && navigate(`/files/${made.id}`));
          }}
        />
        <UploadList />
      </div>
      {files.isPending && <Loading />}
      {files.isError && !files.data && (
        <Failure error={files.error} onRetry={() => void files.refetch()} />
      )}
      {files.data?.length === 0 && purpose === '' && (
        <EmptyState title={t('files.empty.title')}>
          <p>{t('files.empty.text')}</p>
        </EmptyState>
      )}
      {files.data && (files.data.length > 0 || purpose !== '') && shown.length === 0 && (
        <p className={styles.none}>{t('files.none')}</p>
      )}
      <ul>
        {shown.map((file) => (
          <FileListItem key={file.id} file={file} chosen={file.id === chosen} />
        ))}
      </ul>
      {files.hasNextPage && (
        <Button
          className={styles.more}
          disabled={files.isFetchingNextPage}
          onClick={() => void files.fetchNextPage()}
        >
          {t('action.loadMore')}
        </Button>
      )}
    </ListPanel>
  );
}
