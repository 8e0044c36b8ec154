import { useState } from 'react';

import { useOwnModels } from '@/api/models';
import { useLanguage } from '@/i18n/language';
import { SearchInput } from '@/ui/Field';
import { ListItem, ListPanel, SplitPage, splitStyles as styles } from '@/ui/SplitPage';
import { EmptyState, Failure, Loading } from '@/ui/State';
import { useTitle } from '@/ui/title';

import { groupModels, shortName, stepOf } from './model_names';
import { ModelDetails } from './ModelDetails';
import own from './ModelsPage.module.css';
import { PullButton, PullList } from './Pulls';

function ModelList({ chosen }: { chosen: string | undefined }) {
  const { t, format } = useLanguage();
  const [search, setSearch] = useState('');
  const models = useOwnModels();
  const wanted = search.trim().toLowerCase();
  const shown = (models.data ?? []).filter((model) => model.id.toLowerCase().includes(wanted));
  const created = new Map(shown.map((model) => [model.id, model.created]));
  return (
    <ListPanel
      label={t('models.list')}
      title={t('models.title')}
      action={<PullButton icon />}
      tools={<SearchInput label={t('models.search')} value={search} onChange={setSearch} />}
    >
      <div className={own.pulls}>
        <PullList />
      </div>
      {models.isPending && <Loading />}
      {models.isError && !models.data && (
        <Failure error={models.error} onRetry={() => void models.refetch()} />
      )}
      {models.data && shown.length === 0 && <p className={styles.none}>{t('models.none')}</p>}
      {groupModels(shown.map((model) => model.id)).map(({ kind, ids }) => (
        <section key={kind} aria-labelledby={`models-${kind}`}>
          <h2 id={`models-${kind}`} className={own.group}>
            {t(`models.group.${kind}`)}
          </h2>
          <ul>
            {ids.map((id) => {
              const at = created.get(id) ?? 0;
              return (
                <ListItem key={id} href={`/models/${id}`} chosen={id === chosen}>
                  <span className={styles.line}>
                    <bdi className={styles.name}>{shortName(id)}</bdi>
                    {at > 0 && <span className={styles.aside}>{format.ago(at)}</span>}
                  </span>
                  {kind !== 'base' && (
                    <span className={styles.line}>
                      <bdi className={styles.id}>{id}</bdi>
                      {kind === 'checkpoint' && (
                        <span className={styles.aside}>
                          {t('models.atStep', { step: stepOf(id) })}
                        </span>
                      )}
                    </span>
                  )}
                </ListItem>
              );
            })}
          </ul>
        </section>
      ))}
    </ListPanel>
  );
}

export default function ModelsPage({ modelId }: { modelId: string | undefined }) {
  const { t } = useLanguage();
  useTitle(t('models.title'));
  const id = modelId === undefined ? undefined : decodeURIComponent(modelId);
  return (
    <SplitPage list={<ModelList chosen={id} />} chosen={id !== undefined}>
      {id === undefined ? (
        <EmptyState title={t('models.select')} />
      ) : (
        <ModelDetails key={id} id={id} />
      )}
    </SplitPage>
  );
}
