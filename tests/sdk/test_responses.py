"""The Responses API as agent programs use it: streams, parsed objects, calls of functions and what came of them."""

import json
import unittest

import openai
import pydantic

from served import MODEL, ServedTest


class Metal(pydantic.BaseModel):
    name: str
    noble: bool


WEATHER = {"type": "function", "name": "weather", "description": "of a city",
           "parameters": {"type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}},
                          "required": ["city"], "additionalProperties": False}, "strict": True}


class Responses(ServedTest):
    def test_a_stream_is_the_answer_in_pieces(self):
        options = {"model": MODEL, "input": "What is gold?", "max_output_tokens": 60, "temperature": 0}
        whole = self.client.responses.create(**options)
        events = list(self.client.responses.create(stream=True, **options))
        types = [event.type for event in events]
        self.assertEqual(types[:4], ["response.created", "response.in_progress", "response.output_item.added",
                                     "response.content_part.added"])
        self.assertEqual(types[-4:-1], ["response.output_text.done", "response.content_part.done",
                                        "response.output_item.done"])
        self.assertEqual(types[-1], "response." + whole.status)
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        self.assertGreater(len(deltas), 2)
        self.assertEqual("".join(deltas), whole.output_text)
        last = events[-1].response
        self.assertEqual(last.output_text, whole.output_text)
        self.assertEqual(last.usage, whole.usage)
        self.assertEqual(self.client.responses.retrieve(last.id).to_dict(), last.to_dict())
        with self.client.responses.stream(**options) as stream:
            for event in stream:
                pass
            self.assertEqual(event.type, "response." + whole.status)
            if whole.status == "completed":
                self.assertEqual(stream.get_final_response().output_text, whole.output_text)

    def test_log_probabilities(self):
        answer = self.client.responses.create(model=MODEL, input="gold", max_output_tokens=3, top_logprobs=2,
                                              temperature=0,
                                              include=["message.output_text.logprobs"])
        logprobs = answer.output[0].content[0].logprobs
        self.assertGreaterEqual(len(logprobs), 2)
        self.assertTrue(all(len(one.top_logprobs) == 2 for one in logprobs))

    def test_answers_are_parsed(self):
        # A tiny model's string may never end: another seed of the draw ends it.
        for _ in range(50):
            answer = self.client.responses.create(
                model=MODEL, input="Describe gold.", max_output_tokens=200, text={"format": {
                    "type": "json_schema", "name": "metal", "strict": True,
                    "schema": {"type": "object", "properties": {"name": {"enum": ["gold", "tin"]},
                                                                "noble": {"type": "boolean"}},
                               "required": ["name", "noble"], "additionalProperties": False}}})
            if answer.status == "completed":
                break
        self.assertIn(json.loads(answer.output_text)["name"], ("gold", "tin"))
        for _ in range(50):
            try:
                parsed = self.client.responses.parse(model=MODEL, input="Describe gold.", text_format=Metal,
                                                     max_output_tokens=400)
            except pydantic.ValidationError:  # it was cut
                continue
            break
        self.assertIsInstance(parsed.output_parsed, Metal)

    def test_functions_are_called(self):
        responses = self.client.responses
        asked = responses.create(model=MODEL, input="The weather in Oslo?", tools=[WEATHER], tool_choice="required",
                                 max_output_tokens=200)
        calls = [item for item in asked.output if item.type == "function_call"]
        self.assertEqual(calls[0].name, "weather")
        self.assertIn(json.loads(calls[0].arguments)["city"], ("Oslo", "Rome"))
        result = {"type": "function_call_output", "call_id": calls[0].call_id, "output": "rain"}
        told = responses.create(model=MODEL, previous_response_id=asked.id, tools=[WEATHER], max_output_tokens=4,
                                input=[result])
        self.assertIn(told.status, ("completed", "incomplete"))
        # The same without the server's memory, as agents send it.
        again = responses.create(model=MODEL, tools=[WEATHER], max_output_tokens=4, store=False, input=[
            {"role": "user", "content": [{"type": "input_text", "text": "The weather in Oslo?"}]},
            *[item.model_dump(exclude_none=True) for item in asked.output], result])
        self.assertEqual(again.usage.input_tokens, told.usage.input_tokens)
        events = list(responses.create(model=MODEL, input="The weather in Oslo?", tools=[WEATHER], stream=True,
                                       tool_choice={"type": "function", "name": "weather"}, max_output_tokens=200))
        done = [event for event in events if event.type == "response.function_call_arguments.done"]
        self.assertEqual(len(done), 1)
        self.assertIn(json.loads(done[0].arguments)["city"], ("Oslo", "Rome"))

    def test_what_is_hosted_elsewhere_is_refused_by_name(self):
        for tool in ("web_search", "web_search_preview", "file_search", "code_interpreter", "image_generation",
                     "computer_use_preview", "local_shell", "mcp"):
            refused = self.refused(openai.BadRequestError, self.client.responses.create, model=MODEL, input="a",
                                   tools=[{"type": tool}])
            self.assertEqual(refused.param, "tools[0].type")
            self.assertIn(tool, refused.message)
        for wrong, param in (({"background": True}, "background"), ({"truncation": "auto"}, "truncation"),
                             ({"reasoning": {"effort": "high"}}, "reasoning.effort"),
                             ({"conversation": "conv_1"}, "conversation"),
                             ({"input": []}, "input"),
                             ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
                              "input[0].content[0]")):
            refused = self.refused(openai.BadRequestError, self.client.responses.create,
                                   **{"model": MODEL, "input": "a", **wrong})
            self.assertEqual(refused.param, param)


if __name__ == "__main__":
    unittest.main()
