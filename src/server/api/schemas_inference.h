// The shapes of what asks a model, and of its answers.
#pragma once

namespace hone::server {

inline constexpr char kInferenceSchemas[] = R"json({
  "ContentPart": {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"type": "string", "enum": ["text", "refusal"]}, "text": {"type": "string"}}
  },
  "ChatMessage": {
    "type": "object",
    "required": ["role"],
    "properties": {
      "role": {"type": "string", "enum": ["developer", "system", "user", "assistant", "tool", "function"]},
      "content": {
        "anyOf": [
          {"type": "string"},
          {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/ContentPart"}},
          {"type": "null"}
        ]
      },
      "name": {"type": ["string", "null"]},
      "tool_call_id": {"type": "string"},
      "tool_calls": {"type": ["array", "null"], "items": {"type": "object"}}
    }
  },
  "ResponseFormat": {
    "type": ["object", "null"],
    "required": ["type"],
    "properties": {
      "type": {"type": "string", "enum": ["text", "json_object", "json_schema"]},
      "json_schema": {
        "type": "object",
        "required": ["name"],
        "properties": {
          "name": {"type": "string", "minLength": 1, "maxLength": 64},
          "description": {"type": "string"},
          "schema": {"type": "object"},
          "strict": {"type": ["boolean", "null"]}
        }
      }
    }
  },
  "Tool": {
    "type": "object",
    "required": ["type", "function"],
    "properties": {
      "type": {"type": "string", "enum": ["function"]},
      "function": {
        "type": "object",
        "required": ["name"],
        "properties": {
          "name": {"type": "string", "minLength": 1, "maxLength": 64},
          "description": {"type": "string"},
          "parameters": {"type": ["object", "null"]},
          "strict": {"type": ["boolean", "null"]}
        }
      }
    }
  },
  "Stop": {
    "anyOf": [
      {"type": "string"}, {"type": "array", "minItems": 1, "maxItems": 4, "items": {"type": "string"}}, {"type": "null"}
    ]
  },
  "StreamOptions": {
    "type": ["object", "null"],
    "properties": {
      "include_usage": {"type": ["boolean", "null"]}, "include_obfuscation": {"type": ["boolean", "null"]}
    }
  },
  "LogitBias": {
    "type": ["object", "null"],
    "maxProperties": 1024,
    "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100}
  },
  "CreateChatCompletionRequest": {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
      "model": {"type": "string", "minLength": 1, "maxLength": 256},
      "messages": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/ChatMessage"}},
      "max_completion_tokens": {"type": ["integer", "null"], "minimum": 1},
      "max_tokens": {"type": ["integer", "null"], "minimum": 1},
      "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
      "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
      "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 128},
      "stop": {"$ref": "#/components/schemas/Stop"},
      "stream": {"type": ["boolean", "null"]},
      "stream_options": {"$ref": "#/components/schemas/StreamOptions"},
      "logprobs": {"type": ["boolean", "null"]},
      "top_logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20},
      "logit_bias": {"$ref": "#/components/schemas/LogitBias"},
      "presence_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
      "frequency_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
      "seed": {"type": ["integer", "null"]},
      "response_format": {"$ref": "#/components/schemas/ResponseFormat"},
      "tools": {"type": ["array", "null"], "maxItems": 128, "items": {"$ref": "#/components/schemas/Tool"}},
      "tool_choice": {
        "anyOf": [
          {"type": "string", "enum": ["none", "auto", "required"]},
          {
            "type": "object",
            "required": ["type", "function"],
            "properties": {
              "type": {"type": "string", "const": "function"},
              "function": {
                "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}
              }
            }
          },
          {"type": "null"}
        ]
      },
      "parallel_tool_calls": {"type": ["boolean", "null"]},
      "metadata": {"$ref": "#/components/schemas/Metadata"},
      "user": {"type": ["string", "null"]},
      "store": {"description": "keeps the answer for later", "type": ["boolean", "null"]}
    }
  },
  "Usage": {
    "type": ["object", "null"],
    "required": ["prompt_tokens", "total_tokens"],
    "properties": {
      "prompt_tokens": {"type": "integer"},
      "completion_tokens": {"type": "integer"},
      "total_tokens": {"type": "integer"}
    }
  },
  "CreateChatCompletionResponse": {
    "description": "with `stream`, server-sent events of chat.completion.chunk objects, then [DONE]",
    "type": "object",
    "required": ["id", "object", "created", "model", "choices"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string"},
      "created": {"type": "integer"},
      "model": {"type": "string"},
      "choices": {"type": "array", "items": {"type": "object"}},
      "usage": {"$ref": "#/components/schemas/Usage"}
    }
  },
  "PromptOrInput": {
    "anyOf": [
      {"type": "string"},
      {"type": "array", "minItems": 1, "maxItems": 2048, "items": {"type": "string"}},
      {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
      {
        "type": "array",
        "minItems": 1,
        "maxItems": 2048,
        "items": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}
      }
    ]
  },
  "CreateCompletionRequest": {
    "type": "object",
    "required": ["model", "prompt"],
    "properties": {
      "model": {"type": "string", "minLength": 1, "maxLength": 256},
      "prompt": {"$ref": "#/components/schemas/PromptOrInput"},
      "max_tokens": {"type": ["integer", "null"], "minimum": 0},
      "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
      "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
      "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 128},
      "best_of": {"type": ["integer", "null"], "minimum": 0, "maximum": 20},
      "stop": {"$ref": "#/components/schemas/Stop"},
      "stream": {"type": ["boolean", "null"]},
      "stream_options": {"$ref": "#/components/schemas/StreamOptions"},
      "echo": {"type": ["boolean", "null"]},
      "logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 5},
      "logit_bias": {"$ref": "#/components/schemas/LogitBias"},
      "presence_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
      "frequency_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
      "seed": {"type": ["integer", "null"]},
      "suffix": {"type": ["string", "null"]},
      "user": {"type": ["string", "null"]}
    }
  },
  "CreateCompletionResponse": {
    "type": "object",
    "required": ["id", "object", "created", "model", "choices"],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "text_completion"},
      "created": {"type": "integer"},
      "model": {"type": "string"},
      "choices": {"type": "array", "items": {"type": "object"}},
      "usage": {"$ref": "#/components/schemas/Usage"}
    }
  },
  "CreateEmbeddingRequest": {
    "type": "object",
    "required": ["model", "input"],
    "properties": {
      "model": {"type": "string", "minLength": 1, "maxLength": 256},
      "input": {"$ref": "#/components/schemas/PromptOrInput"},
      "encoding_format": {"type": ["string", "null"], "enum": ["float", "base64", null]},
      "dimensions": {"type": ["integer", "null"], "minimum": 1},
      "user": {"type": ["string", "null"]}
    }
  },
  "CreateEmbeddingResponse": {
    "type": "object",
    "required": ["object", "model", "data", "usage"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "model": {"type": "string"},
      "data": {"type": "array", "items": {"type": "object"}},
      "usage": {"$ref": "#/components/schemas/Usage"}
    }
  }
})json";

}  // namespace hone::server
