// The objects of the API under short names. Where /openapi.json says less than the server does, the
// rest is said here.
import type { components } from './schema';

type Schemas = components['schemas'];

export type JobState = Schemas['FineTuningJob']['status'] | 'paused';

export interface Hyperparameters {
  n_epochs?: number | 'auto';
  batch_size?: number | 'auto';
  learning_rate_multiplier?: number | 'auto';
  beta?: number | 'auto';
}

export type MethodName = 'supervised' | 'dpo';

export type Job = Omit<Schemas['FineTuningJob'], 'hyperparameters' | 'method'> & {
  hyperparameters: Hyperparameters;
  method?: { type: MethodName };
};

export type JobEvent = Omit<Schemas['FineTuningJobEvent'], 'data'> & {
  data?: Record<string, unknown>;
};
export type Checkpoint = Schemas['FineTuningJobCheckpoint'];
export type CreateJob = Schemas['CreateFineTuningJobRequest'];
export type ApiFile = Schemas['OpenAIFile'];
export type Model = Schemas['Model'];
export type FileLine = Schemas['FileLine'];
export type BaseModel = Schemas['BaseModel'];
export type JobEstimate = Omit<Schemas['JobEstimate'], 'hyperparameters'> & {
  hyperparameters: Hyperparameters;
};
export type ModelDescription = Schemas['ModelDescription'];
export type SystemStatus = Schemas['System'];
export type ApiKey = Schemas['ApiKey'];
export type Project = Schemas['Project'];
export type Webhook = Schemas['Webhook'];
export type AuditEntry = Schemas['AuditEntry'];
export type Pull = Schemas['Pull'];
export type CatalogueModel = Schemas['CatalogueModel'];
export type JobPlan = Schemas['JobPlan'];
