// The shapes of responses and their requests.
#pragma once

namespace hone::server {

inline constexpr char kResponseSchemas[] = R"json({
  "ResponseItem": {
    "description": "a message, a function_call or a function_call_output",
    "type": "object",
    "properties": {
      "type": {"type": ["string", "null"]},
      "id": {"type": ["string", "null"]},
      "role": {"type": "string"},
      "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
      "call_id": {"type": "string"},
      "name": {"type": "string"},
      "arguments": {"type": "string"},
      "output": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
      "status": {"type": ["string", "null"]}
    }
  },
  "CreateResponseRequest": {
    "type": "object",
    "required": ["model", "input"],
    "properties": {
      "model": {"type": "string", "minLength": 1, "maxLength": 256},
      "input": {
        "anyOf": [
          {"type": "string"},
          {"type": "array", "maxItems": 4096, "items": {"$ref": "#/components/schemas/ResponseItem"}}
        ]
      },
      "instructions": {"type": ["string", "null"]},
      "previous_response_id": {"type": ["string", "null"], "maxLength": 256},
      "max_output_tokens": {"type": ["integer", "null"], "minimum": 1},
      "max_tool_calls": {"type": ["integer", "null"], "minimum": 1},
      "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
      "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
      "top_logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20},
      "stream": {"type": ["boolean", "null"]},
      "store": {"type": ["boolean", "null"]},
      "background": {"type": ["boolean", "null"]},
      "parallel_tool_calls": {"type": ["boolean", "null"]},
      "text": {"type": ["object", "null"]},
      "tools": {"type": ["array", "null"], "maxItems": 128, "items": {"type": "object"}},
      "tool_choice": {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "null"}]},
      "include": {"type": ["array", "null"], "maxItems": 32, "items": {"type": "string"}},
      "reasoning": {"type": ["object", "null"]},
      "metadata": {"$ref": "#/components/schemas/Metadata"}
    }
  },
  "Response": {
    "description": "with `stream`, server-sent events, response.created to response.completed or response.incomplete",
    "type": "object",
    "required": [
      "id", "object", "created_at", "status", "model", "output", "parallel_tool_calls", "tool_choice", "tools"
    ],
    "properties": {
      "id": {"type": "string"},
      "object": {"type": "string", "const": "response"},
      "created_at": {"type": "integer"},
      "status": {"type": "string", "enum": ["completed", "incomplete", "in_progress"]},
      "model": {"type": "string"},
      "output": {"type": "array", "items": {"type": "object"}},
      "parallel_tool_calls": {"type": "boolean"},
      "tools": {"type": "array", "items": {"type": "object"}},
      "error": {"type": ["object", "null"]},
      "incomplete_details": {"type": ["object", "null"]},
      "instructions": {"type": ["string", "null"]},
      "previous_response_id": {"type": ["string", "null"]},
      "usage": {"type": ["object", "null"]},
      "metadata": {"$ref": "#/components/schemas/Metadata"}
    }
  },
  "ResponseItemList": {
    "type": "object",
    "required": ["object", "data", "has_more"],
    "properties": {
      "object": {"type": "string", "const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/ResponseItem"}},
      "first_id": {"type": ["string", "null"]},
      "last_id": {"type": ["string", "null"]},
      "has_more": {"type": "boolean"}
    }
  }
})json";

}  // namespace hone::server
