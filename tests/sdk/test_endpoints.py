"""Every endpoint of the API through the SDK with strict response validation, with success and with failure; then the
table of what was called, beside /openapi.json, so that none is missing."""

import hashlib
import json
import unittest
import urllib.request

import openai

from served import MODEL, ServedTest, training_rows, upload, wait_for

# What the SDK has no method for; tests/sdk/test_http.py and others call these.
NOT_IN_THE_SDK = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/api/")
# Of responses that are made in the background, which there are none of.
ALWAYS_REFUSED = "POST /v1/responses/{response_id}/cancel"
NOTHING = "ft:tiny:local:none:00000000"


class Endpoints(ServedTest):
    called = {}  # "METHOD pattern": [succeeded, failed]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = upload(cls.client, training_rows(20))
        cls.validation = upload(cls.client, training_rows(10), "validation.jsonl")
        job = cls.client.fine_tuning.jobs.create(
            model=MODEL, training_file=cls.file.id, validation_file=cls.validation.id, suffix="strict", seed=7,
            hyperparameters={"n_epochs": 3, "batch_size": 4}, metadata={"team": "a", "note": ""})
        cls.job = wait_for(job, cls.client)
        assert cls.job.status == "succeeded", cls.job

    def good(self, route):
        self.called.setdefault(route, [0, 0])[0] += 1

    def bad(self, route, kind, call, *arguments, **options):
        self.called.setdefault(route, [0, 0])[1] += 1
        return self.refused(kind, call, *arguments, **options)

    def test_files(self):
        files = self.client.files
        content = training_rows()
        made = files.create(file=("a b.jsonl", content), purpose="fine-tune",
                            expires_after={"anchor": "created_at", "seconds": 3600})
        self.good("POST /v1/files")
        self.assertEqual((made.bytes, made.filename, made.status, made.expires_at - made.created_at),
                         (len(content), "a b.jsonl", "processed", 3600))
        self.bad("POST /v1/files", openai.BadRequestError, files.create, file=("a.jsonl", content), purpose="unknown")
        self.bad("POST /v1/files", openai.BadRequestError, files.create, file=("a.txt", content), purpose="fine-tune")
        self.assertEqual(files.retrieve(made.id).id, made.id)
        self.good("GET /v1/files/{file_id}")
        missing = self.bad("GET /v1/files/{file_id}", openai.NotFoundError, files.retrieve, "file-none")
        self.assertIn("file-none", missing.message)
        self.assertEqual(files.content(made.id).read(), content)
        self.good("GET /v1/files/{file_id}/content")
        self.bad("GET /v1/files/{file_id}/content", openai.NotFoundError, files.content, "file-none")
        self.assertIn(made.id, [file.id for file in files.list(purpose="fine-tune", limit=2, order="asc")])
        self.good("GET /v1/files")
        self.bad("GET /v1/files", openai.BadRequestError, files.list, order="upwards")
        self.bad("GET /v1/files", openai.BadRequestError, files.list, limit=10_001)
        self.assertTrue(files.delete(made.id).deleted)
        self.good("DELETE /v1/files/{file_id}")
        self.bad("DELETE /v1/files/{file_id}", openai.NotFoundError, files.delete, made.id)

    def test_uploads(self):
        uploads = self.client.uploads
        content = training_rows(40)
        half = len(content) // 2
        options = {"filename": "big.jsonl", "purpose": "fine-tune", "mime_type": "text/jsonl"}
        made = uploads.create(bytes=len(content), **options)
        self.good("POST /v1/uploads")
        self.bad("POST /v1/uploads", openai.BadRequestError, uploads.create, bytes=0, **options)
        second = uploads.parts.create(made.id, data=content[half:])
        first = uploads.parts.create(made.id, data=content[:half])
        self.good("POST /v1/uploads/{upload_id}/parts")
        self.bad("POST /v1/uploads/{upload_id}/parts", openai.NotFoundError, uploads.parts.create, "upload_none",
                 data=b"x")
        complete = "POST /v1/uploads/{upload_id}/complete"
        self.bad(complete, openai.BadRequestError, uploads.complete, made.id, part_ids=[first.id])
        self.bad(complete, openai.BadRequestError, uploads.complete, made.id, part_ids=[first.id, second.id],
                 md5="0" * 32)
        completed = uploads.complete(made.id, part_ids=[first.id, second.id], md5=hashlib.md5(content).hexdigest())
        self.good(complete)
        self.assertEqual(completed.status, "completed")
        self.assertEqual(self.client.files.content(completed.file.id).read(), content)
        dropped = uploads.create(bytes=1, **options)
        self.assertEqual(uploads.cancel(dropped.id).status, "cancelled")
        self.good("POST /v1/uploads/{upload_id}/cancel")
        self.bad("POST /v1/uploads/{upload_id}/cancel", openai.BadRequestError, uploads.cancel, completed.id)

    def test_a_file_uploaded_in_chunks_by_the_sdk(self):
        content = training_rows(40)
        uploaded = self.client.uploads.upload_file_chunked(
            file=content, filename="big.jsonl", bytes=len(content), mime_type="text/jsonl", purpose="fine-tune",
            part_size=1000)
        self.assertEqual(uploaded.file.bytes, len(content))

    def test_jobs(self):
        jobs = self.client.fine_tuning.jobs
        route = "POST /v1/fine_tuning/jobs"
        self.good(route)  # setUpClass
        self.assertEqual((self.job.seed, self.job.user_provided_suffix, self.job.metadata, self.job.error),
                         (7, "strict", {"team": "a", "note": ""}, None))
        self.assertEqual((self.job.hyperparameters.n_epochs, self.job.hyperparameters.batch_size), (3, 4))
        self.assertGreater(self.job.trained_tokens, 0)
        self.assertRegex(self.job.fine_tuned_model, "^ft:tiny:[^:]+:strict:[A-Za-z0-9]{8}$")
        for wrong in ({"training_file": "file-none"}, {"model": "nothing"}, {"suffix": "x" * 65}, {"seed": -1},
                      {"hyperparameters": {"n_epochs": 51}}, {"method": {"type": "reinforcement"}},
                      {"extra_body": {"unknown": 1}}):
            options = {"model": MODEL, "training_file": self.file.id, **wrong}
            self.bad(route, openai.APIStatusError, jobs.create, **options)
        self.assertEqual(jobs.retrieve(self.job.id).id, self.job.id)
        self.good("GET /v1/fine_tuning/jobs/{fine_tuning_job_id}")
        self.bad("GET /v1/fine_tuning/jobs/{fine_tuning_job_id}", openai.NotFoundError, jobs.retrieve, "ftjob-none")
        self.assertIn(self.job.id, [job.id for job in jobs.list(limit=1)])
        self.assertEqual([job.id for job in jobs.list(metadata={"team": "a"})], [self.job.id])
        self.assertEqual(list(jobs.list(metadata={"team": "b"})), [])
        self.good("GET /v1/fine_tuning/jobs")
        self.bad("GET /v1/fine_tuning/jobs", openai.BadRequestError, jobs.list, limit=-1)
        messages = [event.message for event in jobs.list_events(self.job.id, limit=3)]
        self.good("GET /v1/fine_tuning/jobs/{fine_tuning_job_id}/events")
        self.assertEqual(messages[0], "The job has successfully completed")
        self.assertEqual(messages[-1], f"Created fine-tuning job: {self.job.id}")
        self.bad("GET /v1/fine_tuning/jobs/{fine_tuning_job_id}/events", openai.NotFoundError, jobs.list_events,
                 "ftjob-none")
        checkpoints = list(jobs.checkpoints.list(self.job.id, limit=1))
        self.good("GET /v1/fine_tuning/jobs/{fine_tuning_job_id}/checkpoints")
        self.assertEqual(checkpoints[0].fine_tuned_model_checkpoint, self.job.fine_tuned_model)
        self.assertIsNotNone(checkpoints[0].metrics.full_valid_loss)
        self.bad("GET /v1/fine_tuning/jobs/{fine_tuning_job_id}/checkpoints", openai.NotFoundError,
                 jobs.checkpoints.list, "ftjob-none")
        results = self.client.files.content(self.job.result_files[0]).text
        self.assertTrue(results.startswith("step,train_loss,"), results[:100])

    def test_pause_resume_and_cancel(self):
        jobs = self.client.fine_tuning.jobs
        path = "POST /v1/fine_tuning/jobs/{fine_tuning_job_id}/"
        long = jobs.create(model=MODEL, training_file=self.file.id,
                           hyperparameters={"n_epochs": 50, "batch_size": 1})
        wait_for(long, self.client, until=("running",))
        paused = jobs.pause(long.id)
        self.good(path + "pause")
        self.assertEqual((paused.status, paused.paused), ("queued", True))
        self.bad(path + "pause", openai.BadRequestError, jobs.pause, long.id)
        resumed = jobs.resume(long.id)
        self.good(path + "resume")
        self.assertFalse(resumed.paused)
        self.bad(path + "resume", openai.BadRequestError, jobs.resume, long.id)
        self.assertEqual(jobs.cancel(long.id).status, "cancelled")
        self.good(path + "cancel")
        self.bad(path + "cancel", openai.BadRequestError, jobs.cancel, long.id)
        self.bad(path + "cancel", openai.BadRequestError, jobs.cancel, self.job.id)

    def test_permissions(self):
        permissions = self.client.fine_tuning.checkpoints.permissions
        other = self.server.new_key("other")
        guest = self.server.client(other["secret"])
        model = self.job.fine_tuned_model
        path = "/v1/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions"
        self.refused(openai.NotFoundError, guest.models.retrieve, model)
        made = list(permissions.create(model, project_ids=[other["project"]]))
        self.good("POST " + path)
        self.assertEqual([one.project_id for one in made], [other["project"]])
        self.assertEqual(guest.models.retrieve(model).id, model)
        self.bad("POST " + path, openai.NotFoundError, permissions.create, NOTHING, project_ids=[other["project"]])
        self.assertEqual([one.id for one in permissions.list(model, order="ascending").data], [made[0].id])
        self.good("GET " + path)
        self.bad("GET " + path, openai.PermissionDeniedError,
                 self.server.client(self.server.new_key()["secret"]).fine_tuning.checkpoints.permissions.list, model)
        self.assertTrue(permissions.delete(made[0].id, fine_tuned_model_checkpoint=model).deleted)
        self.good("DELETE " + path + "/{permission_id}")
        self.bad("DELETE " + path + "/{permission_id}", openai.NotFoundError, permissions.delete, made[0].id,
                 fine_tuned_model_checkpoint=model)
        self.refused(openai.NotFoundError, guest.models.retrieve, model)

    def test_models(self):
        models = self.client.models
        names = [model.id for model in models.list()]
        self.good("GET /v1/models")
        for name in (MODEL, "gpt-3.5-turbo", "gpt-4o-mini", self.job.fine_tuned_model):
            self.assertIn(name, names)
            self.assertTrue(models.retrieve(name).owned_by)
        self.good("GET /v1/models/{model}")
        self.bad("GET /v1/models/{model}", openai.NotFoundError, models.retrieve, "nothing")
        self.bad("GET /v1/models", openai.AuthenticationError, self.server.client("sk-wrong").models.list)
        self.bad("DELETE /v1/models/{model}", openai.PermissionDeniedError, models.delete, MODEL)
        short = wait_for(self.client.fine_tuning.jobs.create(
            model=MODEL, training_file=self.file.id, hyperparameters={"n_epochs": 1, "batch_size": 20}), self.client)
        self.assertTrue(models.delete(short.fine_tuned_model).deleted)
        self.good("DELETE /v1/models/{model}")
        self.bad("DELETE /v1/models/{model}", openai.NotFoundError, models.delete, short.fine_tuned_model)

    def test_chat(self):
        chat = self.client.chat.completions
        route = "POST /v1/chat/completions"
        messages = [{"role": "user", "content": "What is tin?"}]
        for model in (MODEL, "gpt-4o-mini", self.job.fine_tuned_model):
            answer = chat.create(model=model, messages=messages, max_tokens=8, temperature=0, logprobs=True,
                                 top_logprobs=2)
            self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)
            self.assertEqual(len(answer.choices[0].logprobs.content), answer.usage.completion_tokens)
            self.good(route)
        text = answer.choices[0].message.content
        chunks = list(chat.create(model=self.job.fine_tuned_model, messages=messages, max_tokens=8, temperature=0,
                                  stream=True, stream_options={"include_usage": True}))
        self.good(route)
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), text)
        self.assertEqual(chunks[-1].usage, answer.usage)
        for wrong in ({"model": NOTHING}, {"messages": []}, {"temperature": 3}, {"n": 0},
                      {"messages": [{"role": "nobody", "content": "x"}]}):
            self.bad(route, openai.APIStatusError, chat.create,
                     **{"model": MODEL, "messages": messages, "max_tokens": 1, **wrong})

    def test_completions(self):
        route = "POST /v1/completions"
        answer = self.client.completions.create(model=MODEL, prompt="tin is", max_tokens=4, temperature=0, echo=True)
        self.good(route)
        self.assertTrue(answer.choices[0].text.startswith("tin is"))
        self.bad(route, openai.BadRequestError, self.client.completions.create, model=MODEL, prompt="a", suffix="b")

    def test_embeddings(self):
        route = "POST /v1/embeddings"
        embeddings = self.client.embeddings
        # Unless it is told otherwise the SDK asks for base64, which its own strict types do not know.
        answer = self.server.client(_strict_response_validation=False).embeddings.create(
            model=MODEL, input=["tin", "gold"])
        self.good(route)
        self.assertEqual([one.index for one in answer.data], [0, 1])
        floats = embeddings.create(model="gpt-4o-mini", input="gold", encoding_format="float")
        self.good(route)
        for one, other in zip(answer.data[1].embedding, floats.data[0].embedding, strict=True):
            self.assertAlmostEqual(one, other, places=6)
        self.assertAlmostEqual(sum(value * value for value in floats.data[0].embedding), 1, places=5)
        self.assertEqual(len(embeddings.create(model=self.job.fine_tuned_model, input="gold", dimensions=8,
                                               encoding_format="float").data[0].embedding), 8)
        self.good(route)
        self.bad(route, openai.BadRequestError, embeddings.create, model=MODEL, input="tin", dimensions=100_000)
        self.bad(route, openai.NotFoundError, embeddings.create, model=NOTHING, input="tin")
        self.bad(route, openai.BadRequestError, embeddings.create, model=MODEL, input=[])

    def test_stored_completions(self):
        chat, path = self.client.chat.completions, "/v1/chat/completions"
        made = chat.create(model=MODEL, messages=[{"role": "user", "content": "What is tin?"}], max_tokens=4,
                           store=True, metadata={"team": "stored", "run": "1"})
        streamed = list(chat.create(model="gpt-4o-mini", messages=[{"role": "assistant", "content": "x"}], max_tokens=2,
                                    store=True, stream=True, metadata={"team": "stored"}))
        chat.create(model=MODEL, messages=[{"role": "user", "content": "not kept"}], max_tokens=1, metadata={"a": "b"})
        listed = list(chat.list(metadata={"team": "stored"}, limit=1))
        self.good("GET " + path)
        self.assertEqual([one.id for one in listed], [made.id, streamed[0].id])
        self.assertEqual([one.id for one in chat.list(model=MODEL, order="desc")][-1], made.id)
        self.assertEqual(list(chat.list(metadata={"a": "b"})), [])
        self.bad("GET " + path, openai.BadRequestError, chat.list, limit=-1)
        self.bad("POST " + path, openai.BadRequestError, chat.create, model=MODEL, store=True, metadata={"x" * 65: "a"},
                 messages=[{"role": "user", "content": "a"}])
        path += "/{completion_id}"
        kept = chat.retrieve(made.id)
        self.good("GET " + path)
        self.assertEqual(kept.choices, made.choices)
        self.assertEqual(kept.usage, made.usage)
        self.bad("GET " + path, openai.NotFoundError, chat.retrieve, "chatcmpl-none")
        self.assertEqual(chat.update(made.id, metadata={"team": "new"}).metadata, {"team": "new"})
        self.good("POST " + path)
        self.bad("POST " + path, openai.BadRequestError, chat.update, made.id, metadata={"a": 1})
        self.assertEqual([one.id for one in chat.list(metadata={"team": "new"})], [made.id])
        # The SDK's strict types know no message but the assistant's here.
        self.assertEqual([one.content for one in chat.messages.list(streamed[0].id)], ["x"])
        self.good("GET " + path + "/messages")
        open_chat = self.server.client(_strict_response_validation=False).chat.completions
        self.assertEqual([(one.role, one.content) for one in open_chat.messages.list(made.id)],
                         [("user", "What is tin?")])
        self.bad("GET " + path + "/messages", openai.NotFoundError, chat.messages.list, "chatcmpl-none")
        self.assertTrue(chat.delete(made.id).deleted)
        self.good("DELETE " + path)
        self.bad("DELETE " + path, openai.NotFoundError, chat.delete, made.id)

    def test_graders(self):
        graders, path = self.client.fine_tuning.alpha.graders, "POST /v1/fine_tuning/alpha/graders/"
        check = {"type": "string_check", "name": "check", "input": "{{sample.output_text}}", "operation": "eq",
                 "reference": "{{item.answer}}"}
        alike = {"type": "text_similarity", "name": "alike", "input": "{{sample.output_text}}",
                 "reference": "{{item.answer}}", "evaluation_metric": "cosine"}
        score = {"type": "score_model", "name": "score", "model": self.job.fine_tuned_model, "range": [0, 1],
                 "input": [{"role": "user", "content": "Rate {{sample.output_text}}"}],
                 "sampling_params": {"max_completions_tokens": 60}}
        label = {"type": "label_model", "name": "label", "model": MODEL, "labels": ["good", "bad"],
                 "passing_labels": ["good", "bad"], "input": [{"role": "user", "content": "{{sample.output_text}}"}]}
        multi = {"type": "multi", "name": "multi", "graders": check, "calculate_output": "0.5 * check + 0.25"}
        for grader in (check, alike, score, multi):
            self.assertEqual(graders.validate(grader=grader).grader.name, grader["name"])
            self.good(path + "validate")
        for wrong in ({**check, "operation": "is"}, {**score, "model": "nothing"}, {**alike, "input": "{{nothing}}"},
                      {**multi, "calculate_output": "open('x')"}):
            self.bad(path + "validate", openai.APIStatusError, graders.validate, grader=wrong)
        python = self.bad(path + "run", openai.BadRequestError, graders.run, model_sample="x",
                          grader={"type": "python", "name": "p", "source": "def grade(sample, item): return 1"})
        self.assertIn("'python'", python.message)

        def run(grader, sample="tin"):
            self.good(path + "run")
            return graders.run(grader=grader, model_sample=sample, item={"answer": "tin"})
        self.assertEqual((run(check).reward, run(check, "gold").reward), (1, 0))
        self.assertEqual(run(multi).reward, 0.75)
        for metric in ("fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5",
                       "rouge_l"):
            reward = run({**alike, "evaluation_metric": metric}, "a b c d e f tin").reward
            self.assertTrue(0 <= reward < 1, (metric, reward))
        self.assertAlmostEqual(run(alike).reward, 1, places=5)
        self.assertLess(run(alike, "a wholly other text").reward, 0.9999)
        judged = run(score)
        self.assertEqual(judged.metadata.sampled_model_name, self.job.fine_tuned_model)
        self.assertGreater(judged.metadata.token_usage, 0)
        # A tiny model may write a number that never ends, and the answer is cut.
        self.assertTrue(judged.metadata.errors.api_model_grader_parse_error or 0 <= judged.reward <= 1)
        both = run({"type": "multi", "name": "all", "graders": {"a": check, "b": label},
                    "calculate_output": "min(a, b)"})
        self.assertEqual((both.reward, both.sub_rewards), (1, {"a": 1, "b": 1}))
        self.assertTrue(run({**check, "reference": "{{item.none}}"}).metadata.errors.invalid_variable_error)

    def test_responses(self):
        responses, path = self.client.responses, "/v1/responses"
        made = responses.create(model=MODEL, input="What is tin?", instructions="Be short.", max_output_tokens=6,
                                temperature=0, metadata={"a": "b"})
        self.good("POST " + path)
        self.assertIn((made.status, made.incomplete_details and made.incomplete_details.reason),
                      (("completed", None), ("incomplete", "max_output_tokens")))
        self.assertEqual(made.usage.total_tokens, made.usage.input_tokens + made.usage.output_tokens)
        # The same as the chat completion that it stands for.
        messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "What is tin?"}]
        chat = self.client.chat.completions
        self.assertEqual(made.output_text, chat.create(model=MODEL, messages=messages, max_tokens=6, temperature=0)
                         .choices[0].message.content)
        kept = responses.retrieve(made.id)
        self.good("GET " + path + "/{response_id}")
        self.assertEqual(kept.to_dict(), made.to_dict())
        self.assertEqual([(item.type, item.content[0].text) for item in responses.input_items.list(made.id)],
                         [("message", "What is tin?")])
        self.good("GET " + path + "/{response_id}/input_items")
        # What goes on from it has all that was said, but the instructions.
        after = responses.create(model=MODEL, input=[{"role": "user", "content": "And lead?"}], max_output_tokens=6,
                                 previous_response_id=made.id, temperature=0)
        self.good("POST " + path)
        messages = [messages[1], {"role": "assistant", "content": made.output_text},
                    {"role": "user", "content": "And lead?"}]
        self.assertEqual(after.output_text, chat.create(model=MODEL, messages=messages, max_tokens=6, temperature=0)
                         .choices[0].message.content)
        self.assertEqual(after.previous_response_id, made.id)
        for wrong in ({"tools": [{"type": "web_search"}]}, {"previous_response_id": "resp_none"}, {"model": NOTHING},
                      {"background": True}, {"input": [{"type": "computer_call"}]}, {"extra_body": {"unknown": 1}}):
            refused = self.bad("POST " + path, openai.APIStatusError, responses.create,
                               **{"model": MODEL, "input": "a", "max_output_tokens": 1, **wrong})
            if "tools" in wrong:
                self.assertIn("web_search", refused.message)
        self.bad("GET " + path + "/{response_id}", openai.NotFoundError, responses.retrieve, "resp_none")
        self.bad("GET " + path + "/{response_id}/input_items", openai.NotFoundError, responses.input_items.list,
                 "resp_none")
        self.bad("POST " + path + "/{response_id}/cancel", openai.BadRequestError, responses.cancel, made.id)
        unkept = responses.create(model=MODEL, input="a", max_output_tokens=1, store=False)
        self.bad("GET " + path + "/{response_id}", openai.NotFoundError, responses.retrieve, unkept.id)
        responses.delete(made.id)
        self.good("DELETE " + path + "/{response_id}")
        self.bad("DELETE " + path + "/{response_id}", openai.NotFoundError, responses.delete, made.id)

    def test_zz_none_is_missing(self):
        """Last by its name: what the tests before it called is every route of /openapi.json that the SDK knows."""
        with urllib.request.urlopen(self.server.url.removesuffix("/v1") + "/openapi.json") as answer:
            paths = json.load(answer)["paths"]
        routes = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods
                  if not path.startswith(NOT_IN_THE_SDK)]
        print(f"\n{'endpoint':<90} {'good':>4} {'bad':>4}")
        for route in routes:
            good, bad = self.called.get(route, (0, 0))
            print(f"{route:<90} {good:>4} {bad:>4}")
        missing = [route for route in routes if 0 in self.called.get(route, (0, 0))]
        self.assertEqual(missing, [ALWAYS_REFUSED])


if __name__ == "__main__":
    unittest.main()
