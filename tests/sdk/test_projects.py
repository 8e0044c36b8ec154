"""Two projects that share a server see nothing of each other: every route that takes an id says 404 to the other."""

import http.client
import json
import random
import unittest
import urllib.request

import openai

from served import MODEL, ServedTest, training_rows, upload, wait_for

ATTEMPTS = 1000


def example(schema, schemas):
    """A value that an OpenAPI schema takes: what is required, and no more."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return example(schema[several][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: example(schema["properties"][name], schemas) for name in schema.get("required", [])}
    if kind == "array":
        return [example(schema["items"], schemas)]
    return {"string": "x" * max(1, schema.get("minLength", 1)), "integer": max(1, schema.get("minimum", 1)),
            "number": max(1, schema.get("minimum", 1)), "boolean": True}.get(kind)


class Projects(ServedTest):
    flags = ("--log_level", "2", "--requests-per-minute", "0")

    def routes_with_ids(self, ids):
        """(method, path, content type, body) of each route of /openapi.json that takes an id, with the owner's."""
        with urllib.request.urlopen(self.server.url.removesuffix("/v1") + "/openapi.json") as answer:
            described = json.load(answer)
        schemas = described["components"]["schemas"]
        for pattern, methods in described["paths"].items():
            if "{" not in pattern:
                continue
            for method, operation in methods.items():
                path = pattern
                for parameter in operation["parameters"]:
                    if parameter["in"] == "path":
                        path = path.replace("{%s}" % parameter["name"], ids.get(parameter["name"], "none_of_these"))
                content = operation.get("requestBody", {}).get("content", {})
                if "application/json" in content:
                    body = example(content["application/json"]["schema"], schemas)
                    yield method.upper(), path, "application/json", json.dumps(body)
                elif content:
                    yield method.upper(), path, "multipart/form-data; boundary=b", (
                        '--b\r\nContent-Disposition: form-data; name="data"; filename="x"\r\n\r\nx\r\n--b--\r\n')
                else:
                    yield method.upper(), path, None, None

    def ask(self, key, method, path, kind, body):
        """The status of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = {"Authorization": f"Bearer {key}", **({"Content-Type": kind} if kind else {})}
        connection.request(method, path, body=body, headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def test_a_thousand_attempts(self):
        owner = self.client
        file = upload(owner, training_rows(10))
        pending = owner.uploads.create(filename="a.jsonl", purpose="fine-tune", bytes=10, mime_type="text/jsonl")
        job = wait_for(owner.fine_tuning.jobs.create(
            model=MODEL, training_file=file.id, hyperparameters={"n_epochs": 2, "batch_size": 5}), owner)
        checkpoint = owner.fine_tuning.jobs.checkpoints.list(job.id).data[-1].fine_tuned_model_checkpoint
        kept = owner.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "a"}], max_tokens=1,
                                             store=True)
        response = owner.responses.create(model=MODEL, input="a", max_output_tokens=1)
        secret = self.server.new_key("stranger", "admin")["secret"]
        stranger = self.server.client(secret)
        admin = owner.with_options(base_url=self.server.url.removesuffix("/v1"))
        ids = {"file_id": file.id, "upload_id": pending.id, "fine_tuning_job_id": job.id,
               "completion_id": kept.id, "response_id": response.id,
               "model": job.fine_tuned_model, "fine_tuned_model_checkpoint": checkpoint,
               "permission_id": owner.fine_tuning.checkpoints.permissions.create(
                   checkpoint, project_ids=[self.server.new_key("friend")["project"]]).data[0].id,
               "key_id": admin.post("/api/keys", cast_to=object, body={"name": "a", "role": "viewer"})["id"],
               "webhook_id": admin.post("/api/webhooks", cast_to=object, body={"url": "http://127.0.0.1:9/"})["id"]}
        mine = upload(stranger)
        jobs, permissions = stranger.fine_tuning.jobs, stranger.fine_tuning.checkpoints.permissions
        messages = [{"role": "user", "content": "a"}]
        chat, responses = stranger.chat.completions, stranger.responses
        api = self.server.url.removesuffix("/v1") + "/api"
        attempts = [
            lambda: stranger.files.retrieve(file.id), lambda: stranger.files.delete(file.id),
            lambda: stranger.files.content(file.id), lambda: stranger.files.content(job.result_files[0]),
            lambda: stranger.get(f"{self.server.url.removesuffix('/v1')}/api/files/{file.id}/report", cast_to=object),
            lambda: stranger.uploads.parts.create(pending.id, data=b"x"),
            lambda: stranger.uploads.complete(pending.id, part_ids=["part_none"]),
            lambda: stranger.uploads.cancel(pending.id), lambda: jobs.retrieve(job.id), lambda: jobs.cancel(job.id),
            lambda: jobs.pause(job.id), lambda: jobs.resume(job.id), lambda: jobs.list_events(job.id),
            lambda: jobs.checkpoints.list(job.id),
            lambda: permissions.list(checkpoint), lambda: permissions.create(checkpoint, project_ids=["proj_none"]),
            lambda: permissions.delete("cp_none", fine_tuned_model_checkpoint=checkpoint),
            lambda: stranger.models.retrieve(job.fine_tuned_model), lambda: stranger.models.retrieve(checkpoint),
            lambda: stranger.models.delete(job.fine_tuned_model),
            lambda: stranger.chat.completions.create(model=job.fine_tuned_model, messages=messages),
            lambda: stranger.chat.completions.create(model=checkpoint, messages=messages),
            lambda: stranger.completions.create(model=job.fine_tuned_model, prompt="a"),
            lambda: stranger.embeddings.create(model=job.fine_tuned_model, input="a"),
            lambda: chat.retrieve(kept.id), lambda: chat.update(kept.id, metadata={}), lambda: chat.delete(kept.id),
            lambda: chat.messages.list(kept.id), lambda: responses.retrieve(response.id),
            lambda: responses.delete(response.id), lambda: responses.cancel(response.id),
            lambda: responses.input_items.list(response.id),
            lambda: responses.create(model=MODEL, input="a", previous_response_id=response.id),
            lambda: responses.create(model=job.fine_tuned_model, input="a"),
            lambda: stranger.fine_tuning.alpha.graders.validate(grader={
                "type": "score_model", "name": "a", "model": job.fine_tuned_model, "input": messages}),
            *[lambda kind=kind: stranger.get(f"{api}/models/{checkpoint}/{kind}", cast_to=object)
              for kind in ("adapter", "merged")],
        ]
        routes = list(self.routes_with_ids(ids))
        self.assertGreater(len(routes), 20)
        names = [f"number {number}" for number in range(len(attempts))] + routes
        attempts += [lambda route=route: self.ask(secret, *route) for route in routes]
        rng = random.Random(1)
        for number in range(ATTEMPTS):
            attempt = attempts[number % len(attempts)] if number < len(attempts) else rng.choice(attempts)
            try:
                status = attempt()
            except openai.APIStatusError as error:
                status = error.status_code
            self.assertEqual(status, 404, names[attempts.index(attempt)])
        print(f"\n{ATTEMPTS} attempts over {len(attempts)} ways in, {len(routes)} of them the routes of /openapi.json "
              "that take an id: all 404")
        # What a body names is refused as what is not there is.
        for theirs, none in (({"training_file": file.id}, {"training_file": "file-none"}),
                             ({"model": job.fine_tuned_model}, {"model": "ft:tiny:local::00000000"})):
            answers = [self.refused(openai.APIStatusError, jobs.create,
                                    **{"model": MODEL, "training_file": mine.id, **one}) for one in (theirs, none)]
            self.assertEqual(*[(one.status_code, one.code, one.param) for one in answers])
        stranger.files.delete(mine.id)
        self.assertEqual(list(stranger.files.list()), [])
        self.assertEqual(list(jobs.list()), [])
        self.assertNotIn(job.fine_tuned_model, [model.id for model in stranger.models.list()])
        self.assertEqual(list(chat.list()), [])
        self.assertEqual(owner.chat.completions.retrieve(kept.id).id, kept.id)
        self.assertEqual(owner.responses.retrieve(response.id).id, response.id)
        self.assertEqual(owner.files.retrieve(file.id).id, file.id)
        self.assertEqual(owner.fine_tuning.jobs.retrieve(job.id).status, "succeeded")
        self.assertEqual(owner.models.retrieve(job.fine_tuned_model).id, job.fine_tuned_model)

    def test_roles(self):
        viewer = self.server.client(self.server.new_key(role="viewer")["secret"])
        self.assertIn(MODEL, [model.id for model in viewer.models.list()])
        self.refused(openai.PermissionDeniedError, upload, viewer)
        self.refused(openai.PermissionDeniedError, viewer.fine_tuning.jobs.create, model=MODEL, training_file="file-a")
        member = self.server.client(self.server.new_key(role="member")["secret"])
        upload(member)
        self.refused(openai.PermissionDeniedError, member.fine_tuning.checkpoints.permissions.list, "ft:none")


if __name__ == "__main__":
    unittest.main()
