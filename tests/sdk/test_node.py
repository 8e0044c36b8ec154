"""The same through the official Node package: notebook.mjs, with base_url and key alone set, in the environment."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from served import ServedTest, training_rows

PACKAGES = pathlib.Path(sys.prefix) / "node/node_modules"


class Node(ServedTest):
    def test_the_notebook_by_the_node_package(self):
        folder = self.server.folder / "node"
        folder.mkdir()
        (folder / "node_modules").symlink_to(PACKAGES)
        shutil.copy(pathlib.Path(__file__).with_name("notebook.mjs"), folder)
        (folder / "training-data.jsonl").write_bytes(training_rows(10))
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "OPENAI_BASE_URL": self.server.url,
                       "OPENAI_API_KEY": self.server.key}
        done = subprocess.run(["node", "notebook.mjs"], cwd=folder, env=environment, capture_output=True, text=True,
                              timeout=180)
        self.assertEqual(done.returncode, 0, done.stderr)
        for expected in ("Training File ID: file-", "Fine-tuning Job ID: ftjob-", "Listed: ftjob-", "Status: ",
                         "Step 100/100: training loss=", "Checkpoint created at step ",
                         "New fine-tuned model created: ft:tiny:", "The job has successfully completed",
                         "Fine-tuned Model ID: ft:tiny:", "role: 'assistant'", "Streamed the same: true",
                         "Results: step,train_loss,", "a wrong key: AuthenticationError 401 invalid_api_key, true",
                         "no such job: NotFoundError 404 fine_tune_not_found, true",
                         "a job that has ended: BadRequestError 400 "):
            self.assertIn(expected, done.stdout)


if __name__ == "__main__":
    unittest.main()
