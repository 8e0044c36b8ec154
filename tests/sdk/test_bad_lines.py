"""A training file with lines that cannot be used: all are named, at upload and when the job fails; then corrected."""

import json
import unittest

from served import MODEL, ServedTest, training_rows, upload, wait_for


class BadLines(ServedTest):
    def test_every_bad_line_is_named_and_the_corrected_file_trains(self):
        good = training_rows(12).splitlines()
        bad = list(good)
        bad[1] = b'{"messages": [{"role": "user", "content": "a"}]}'  # nothing to learn
        bad[4] = b'{"prompt": "a"'
        bad[7] = json.dumps({**json.loads(good[7]), "weight": 1}).encode()
        bad[9] = b'{"messages": [{"role": "user", "content": "a<|im_end|>"}, {"role": "assistant", "content": "b"}]}'
        file = upload(self.client, b"\n".join(bad) + b"\n")
        self.assertEqual(file.status, "error")
        for line in (2, 5, 8, 10):
            self.assertIn(f"line {line}", file.status_details)
        api = self.client.with_options(base_url=self.server.url.removesuffix("/v1"))
        report = api.get(f"/api/files/{file.id}/report", cast_to=object)
        self.assertEqual([row["line"] for row in report["data"]], [2, 5, 8, 10])
        self.assertEqual((report["examples"], report["bad_lines"]), (12, 4))

        job = wait_for(self.client.fine_tuning.jobs.create(model=MODEL, training_file=file.id), self.client)
        self.assertEqual((job.status, job.error.code, job.error.param),
                         ("failed", "invalid_file_format", "training_file"))
        for line in (2, 5, 8, 10):
            self.assertIn(f"line {line}", job.error.message)
        self.assertIn("message contains an invalid token: <|im_end|>", job.error.message)
        self.assertIsNone(job.fine_tuned_model)
        print(f"\n{job.error.message}")

        fixed = upload(self.client, b"\n".join(good) + b"\n")
        self.assertEqual(fixed.status, "processed")
        job = wait_for(self.client.fine_tuning.jobs.create(
            model=MODEL, training_file=fixed.id, hyperparameters={"n_epochs": 1}), self.client)
        self.assertEqual(job.status, "succeeded")

    def test_too_few_examples(self):
        file = upload(self.client, training_rows(7))
        job = wait_for(self.client.fine_tuning.jobs.create(model=MODEL, training_file=file.id), self.client)
        self.assertEqual((job.status, job.error.code), ("failed", "invalid_n_examples"))
        self.assertIn("7 example(s), but must have at least 10", job.error.message)


if __name__ == "__main__":
    unittest.main()
