"""Two projects that share a server see nothing of each other: every route that takes an id says 404 to the other."""

import random
import unittest

import openai

from served import MODEL, ServedTest, training_rows, upload, wait_for

ATTEMPTS = 1000


class Projects(ServedTest):
    flags = ("--log_level", "2", "--requests-per-minute", "0")

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
        stranger = self.server.client(self.server.new_key("stranger", "admin")["secret"])
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
        rng = random.Random(1)
        for number in range(ATTEMPTS):
            attempt = attempts[number % len(attempts)] if number < len(attempts) else rng.choice(attempts)
            with self.assertRaises(openai.APIStatusError) as caught:
                attempt()
            self.assertEqual(caught.exception.status_code, 404, caught.exception)
        print(f"\n{ATTEMPTS} attempts over {len(attempts)} ways in: all 404")
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
