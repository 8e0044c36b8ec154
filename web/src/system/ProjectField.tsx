import { useLanguage } from '@/i18n/language';
import { Field, Select } from '@/ui/Field';

import { useProjects } from './admin';

// A choice among the projects, where there are several that the key sees. `value` undefined: the
// first one, which is the key's own.
export function ProjectField(props: { value: string | undefined; onChange: (id: string) => void }) {
  const { t } = useLanguage();
  const { data: projects = [] } = useProjects();
  if (projects.length < 2) return null;
  return (
    <Field label={t('projects.one')}>
      {(control) => (
        <Select
          {...control}
          value={props.value ?? projects[0]?.id}
          onChange={(event) => props.onChange(event.target.value)}
        >
          {projects.map((project) => (
            <option key={project.id} value={project.id}>
              {project.name}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
