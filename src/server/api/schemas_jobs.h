// The shapes of jobs, their events and checkpoints.
#pragma once

namespace hone::server {

inline constexpr char kJobSchemas[] = R"json({
  "BatchSize": {
    "anyOf": [
      {"type": "string", "const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 256}, {"type": "null"}
    ]
  },
  "Epochs": {
    "anyOf": [
      {"type": "string", "const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 50}, {"type": "null"}
    ]
  },
  "LearningRateMultiplier": {
    "anyOf": [{"type": "string", "const": "auto"}, {"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]
  },
  "SupervisedHyperparameters": {
    "type": ["object", "null"],
    "additionalProperties": false,
    "properties": {
      "batch_size": {"$ref": "#/components/schemas/BatchSize"},
      "learning_rate_multiplier": {"$ref": "#/components/schemas/LearningRateMultiplier"},
      "n_epochs": {"$ref": "#/components/schemas/Epochs"}
    }
  },
  "DpoHyperparameters": {
    "type": ["object", "null"],
    "additionalProperties": false,
    "properties": {
      "batch_size": {"$ref": "#/components/schemas/BatchSize"},
      "learning_rate_multiplier": {"$ref": "#/components/schemas/LearningRateMultiplier"},
      "n_epochs": {"$ref": "#/components/schemas/Epochs"},
      "beta": {
        "anyOf": [
          {"type": "string", "const": "auto"},
          {"type": "number", "exclusiveMinimum": 0, "maximum": 2},
          {"type": "null"}
        ]
      }
    }
  },
  "Integration": {
    "type": "object",
    "required": ["type", "wandb"],
    "additionalProperties": false,
    "properties": {
      "type": {"type": "string", "enum": ["wandb"]},
      "wandb": {
        "type": "object",
        "required": ["project"],
        "additionalProperties": false,
        "properties": {
          "project": {"type": "string", "minLength": 1, "maxLength": 256},
          "name": {"type": ["string", "null"], "maxLength": 256},
          "entity": {"type": ["string", "null"], "maxLength": 256},
          "tags": {
            "type": ["array", "null"], "maxItems": 50, "items": {"type": "string", "maxLength": 64}
          }
        }
      }
    }
  },
  "CreateFineTuningJobRequest": {
    "type": "object",
    "required": ["model", "training_file"],
    "additionalProperties": false,
    "properties": {
      "model": {"type": "string", "minLength": 1, "maxLength": 256},
      "training_file": {"type": "string", "minLength": 1, "maxLength": 256},
      "validation_file": {"type": ["string", "null"], "minLength": 1, "maxLength": 256},
      "suffix": {"type": ["string", "null"], "minLength": 1, "maxLength": 64},
      "seed": {"type": ["integer", "null"], "minimum": 0, "maximum": 2147483647},
      "hyperparameters": {"$ref": "#/components/schemas/SupervisedHyperparameters"},
      "method": {
        "type": ["object", "null"],
        "required": ["type"],
        "properties": {
          "type": {"type": "string", "enum": ["supervised", "dpo", "reinforcement"]},
          "supervised": {
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": {"hyperparameters": {"$ref": "#/components/schemas/SupervisedHyperparameters"}}
          },
          "dpo": {
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": {"hyperparameters": {"$ref": "#/components/schemas/DpoHyperparameters"}}
          },
          "reinforcement": {"type": ["object", "null"]}
        },
        "additionalProperties": false
      },
      "integrations": {
        "type": ["array", "null"], "maxItems": 5, "items": {"$ref": "#/components/schemas/Integration"}
      },
      "metadata": {"$ref": "#/components/schemas/Metadata"}
    }
  },
  "FineTuningJob": {
    "type": "object",
    "required": [
      "id", "object", "created_at", "finished_at", "model", "fine_tuned_model", "organization_id", "status",
      "hyperparameters", "training_file", "validation_file", "result_files", "trained_tokens", "error", "seed"
    ],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "fine_tuning.job"},
      "created_at": {"type": "integer"},
      "finished_at": {"type": ["integer", "null"]},
      "model": {"type": "string"},
      "fine_tuned_model": {"type": ["string", "null"]},
      "organization_id": {"type": "string"},
      "status": {
        "type": "string",
        "enum": ["validating_files", "queued", "running", "succeeded", "failed", "cancelled"]
      },
      "paused": {"description": "the job is queued and waits for `resume`", "type": "boolean"},
      "hyperparameters": {"type": "object"},
      "training_file": {"type": "string"},
      "validation_file": {"type": ["string", "null"]},
      "result_files": {"type": "array", "items": {"type": "string"}},
      "trained_tokens": {"type": ["integer", "null"]},
      "error": {
        "type": ["object", "null"],
        "required": ["code", "message", "param"],
        "properties": {
          "code": {"type": "string"}, "message": {"type": "string"}, "param": {"type": ["string", "null"]}
        }
      },
      "seed": {"type": "integer"},
      "estimated_finish": {"type": ["integer", "null"]},
      "queue_position": {"description": "1: the next one to run", "type": ["integer", "null"]},
      "step": {"type": "integer"},
      "total_steps": {"type": ["integer", "null"]},
      "peak_memory_bytes": {"description": "the most that the job's process held", "type": ["integer", "null"]},
      "cpu_seconds": {
        "description": "what all processors together have worked for it; while it runs, up to its last step",
        "type": ["number", "null"]
      },
      "integrations": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Integration"}},
      "metadata": {"$ref": "#/components/schemas/Metadata"},
      "method": {"type": "object"},
      "user_provided_suffix": {"type": ["string", "null"]}
    }
  },
  "ListFineTuningJobsResponse": {
    "type": "object",
    "required": ["object", "data", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/FineTuningJob"}},
      "has_more": {"type": "boolean"}
    }
  },
  "FineTuningJobEvent": {
    "type": "object",
    "required": ["id", "object", "created_at", "level", "message"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "fine_tuning.job.event"},
      "created_at": {"type": "integer"},
      "level": {"type": "string", "enum": ["info", "warn", "error"]},
      "message": {"type": "string"},
      "type": {"type": "string", "enum": ["message", "metrics"]},
      "data": {"type": "object"}
    }
  },
  "ListFineTuningJobEventsResponse": {
    "type": "object",
    "required": ["object", "data", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/FineTuningJobEvent"}},
      "has_more": {"type": "boolean"}
    }
  },
  "FineTuningJobCheckpoint": {
    "type": "object",
    "required": [
      "id", "object", "created_at", "fine_tuned_model_checkpoint", "step_number", "fine_tuning_job_id", "metrics"
    ],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "fine_tuning.job.checkpoint"},
      "created_at": {"type": "integer"},
      "fine_tuned_model_checkpoint": {"type": "string"},
      "step_number": {"type": "integer"},
      "fine_tuning_job_id": {"type": "string"},
      "metrics": {"type": "object", "additionalProperties": {"type": "number"}}
    }
  },
  "ListFineTuningJobCheckpointsResponse": {
    "type": "object",
    "required": ["object", "data", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/FineTuningJobCheckpoint"}},
      "first_id": {"type": ["string", "null"]},
      "last_id": {"type": ["string", "null"]},
      "has_more": {"type": "boolean"}
    }
  }
})json";

}  // namespace hone::server
