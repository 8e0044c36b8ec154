import { useLanguage } from '@/i18n/language';
import { SplitPage } from '@/ui/SplitPage';
import { EmptyState } from '@/ui/State';
import { useTitle } from '@/ui/title';

import { CreateJobForm } from './create/CreateJobForm';
import { JobDetails } from './JobDetails';
import { JobList } from './JobList';

// Where a new job is made: an address that no job's id has.
const NEW = 'new';

export default function FineTuningPage({ jobId }: { jobId: string | undefined }) {
  const { t } = useLanguage();
  useTitle(t('jobs.title'));
  return (
    <SplitPage list={<JobList chosen={jobId} />} chosen={jobId !== undefined}>
      {jobId === undefined && <EmptyState title={t('jobs.select')} />}
      {jobId === NEW && <CreateJobForm />}
      {jobId !== undefined && jobId !== NEW && <JobDetails key={jobId} id={jobId} />}
    </SplitPage>
  );
}
