import { useOwnModels } from '@/api/models';
import { useLanguage } from '@/i18n/language';
import { groupModels } from '@/models/model_names';
import { Select } from '@/ui/Field';

import styles from './ModelSelect.module.css';

// One of the models that can be asked. One that is gone stays until another is chosen.
export function ModelSelect(props: {
  label: string;
  value: string;
  onChange: (model: string) => void;
}) {
  const { t } = useLanguage();
  const { data: models = [] } = useOwnModels();
  const groups = groupModels(models.map((model) => model.id));
  const known = models.some((model) => model.id === props.value);
  return (
    <Select
      className={styles.select}
      aria-label={props.label}
      dir="ltr"
      title={props.value}
      value={props.value}
      onChange={(event) => props.onChange(event.target.value)}
    >
      {!known && <option value={props.value}>{props.value}</option>}
      {groups.map(({ kind, ids }) => (
        <optgroup key={kind} label={t(`models.group.${kind}`)}>
          {ids.map((id) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </optgroup>
      ))}
    </Select>
  );
}
