import { DropZone } from '@/files/DropZone';
import { useFiles } from '@/files/files';
import { UploadList } from '@/files/UploadList';
import { startUpload } from '@/files/uploads';
import { useLanguage } from '@/i18n/language';
import { Field, Select } from '@/ui/Field';

import styles from './CreateJob.module.css';

interface FileFieldProps {
  label: string;
  hint?: string;
  optional?: boolean;
  value: string;
  error: string | undefined;
  onChange: (id: string) => void;
}

// A file that is there, or one that is dropped here and uploaded.
export function FileField(props: FileFieldProps) {
  const { t } = useLanguage();
  const files = useFiles('fine-tune');
  const known = files.data?.some((file) => file.id === props.value) ?? false;
  return (
    <Field label={props.label} error={props.error} hint={props.hint}>
      {(control) => (
        <Select
          {...control}
          value={props.value}
          onChange={(event) => props.onChange(event.target.value)}
        >
          <option value="">
            {props.optional ? t('create.file.none') : t('create.file.choose')}
          </option>
          {!known && props.value !== '' && <option value={props.value}>{props.value}</option>}
          {files.data?.map((file) => (
            <option key={file.id} value={file.id}>
              {file.filename} · {file.id.slice(-6)}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

export function TrainingFileField(props: FileFieldProps) {
  return (
    <div className={styles.file}>
      <FileField {...props} />
      <DropZone
        onFiles={([file]) => {
          if (file) void startUpload(file).then((made) => made && props.onChange(made.id));
        }}
      />
      <UploadList />
    </div>
  );
}
