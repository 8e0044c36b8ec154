import clsx from 'clsx';
import { Box, Flag, SlidersHorizontal } from 'lucide-react';
import { Fragment, type ReactNode } from 'react';
import { Link } from 'wouter';

import type { Job } from '@/api/types';
import { useCheckpoints } from '@/fine_tuning/jobs';
import { JobStatus } from '@/fine_tuning/JobStatus';
import { useLanguage } from '@/i18n/language';
import { Failure } from '@/ui/State';

import styles from './Lineage.module.css';
import { useJobsFrom, useLineage } from './models';

function Node(props: {
  icon: ReactNode;
  kind: string;
  href: string;
  name: string;
  here?: boolean;
  aside?: ReactNode;
}) {
  return (
    <div className={clsx(styles.node, props.here && styles.here)}>
      {props.icon}
      <span className={styles.kind}>{props.kind}</span>
      <Link href={props.href} dir="ltr" aria-current={props.here ? 'true' : undefined}>
        {props.name}
      </Link>
      {props.aside}
    </div>
  );
}

function ModelNode({ model, here }: { model: string; here: boolean }) {
  const { t } = useLanguage();
  return (
    <Node
      icon={<Box aria-hidden />}
      kind={t('models.lineage.model')}
      href={`/models/${model}`}
      name={model}
      here={here}
    />
  );
}

function JobNode({ job }: { job: Job }) {
  const { t } = useLanguage();
  return (
    <Node
      icon={<SlidersHorizontal aria-hidden />}
      kind={t('models.lineage.job')}
      href={`/fine-tuning/${job.id}`}
      name={job.id}
      aside={<JobStatus job={job} />}
    />
  );
}

// The models that the job saved on its way; the last one stands in the lineage itself.
function CheckpointNodes({ job, here }: { job: Job; here: string }) {
  const { t } = useLanguage();
  const { data: checkpoints = [] } = useCheckpoints(job);
  const others = checkpoints
    .map((one) => one.fine_tuned_model_checkpoint)
    .filter((model) => model !== job.fine_tuned_model && model !== here)
    .reverse();
  return others.map((model) => (
    <Node
      key={model}
      icon={<Flag aria-hidden />}
      kind={t('models.lineage.checkpoint')}
      href={`/models/${model}`}
      name={model}
    />
  ));
}

// From the base over jobs and checkpoints to this model, and on to what was made of it.
export function Lineage({ id }: { id: string }) {
  const { t } = useLanguage();
  const lineage = useLineage(id);
  const { data: later = [] } = useJobsFrom(id);
  return (
    <section aria-labelledby="model-lineage">
      <h2 id="model-lineage" className={styles.title}>
        {t('models.lineage')}
      </h2>
      {lineage.isError && <Failure error={lineage.error} />}
      <div className={styles.tree}>
        {lineage.data?.map(({ model, job }) => (
          <Fragment key={model}>
            {job && <JobNode job={job} />}
            {job && (
              <div className={styles.branch}>
                <CheckpointNodes job={job} here={id} />
              </div>
            )}
            <ModelNode model={model} here={model === id} />
          </Fragment>
        ))}
        {later.length > 0 && (
          <div className={styles.branch}>
            {later.map((job) => (
              <Fragment key={job.id}>
                <JobNode job={job} />
                {job.fine_tuned_model && <ModelNode model={job.fine_tuned_model} here={false} />}
              </Fragment>
            ))}
          </div>
        )}
      </div>
    </section>
  );
}
