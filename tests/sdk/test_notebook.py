"""The notebook that many learn fine-tuning from, cell by cell: base_url and key alone are set, in the environment."""

import contextlib
import io
import os
import tempfile
import time
import unittest
from unittest import mock

from served import ServedTest, training_rows


class Notebook(ServedTest):
    def test_the_notebook_runs_as_it_is_written(self):
        environment = {"OPENAI_BASE_URL": self.server.url, "OPENAI_API_KEY": self.server.key}
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, environment):
            before = os.getcwd()
            os.chdir(folder)
            self.addCleanup(os.chdir, before)
            with open("training-data.jsonl", "wb") as file:
                file.write(training_rows(10))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                self.run_cells()
            os.chdir(before)
        text = printed.getvalue()
        for expected in ("Training File ID: file-", "Fine-tuning Job ID: ftjob-", "Status: ",
                         "Step 100/100: training loss=",
                         "Checkpoint created at step ", "New fine-tuned model created: ft:tiny:",
                         "The job has successfully completed", "Fine-tuned Model ID: ft:tiny:", "role='assistant'"):
            self.assertIn(expected, text)

    def run_cells(self):
        from openai import OpenAI
        client = OpenAI()

        ft_file = client.files.create(
          file=open("./training-data.jsonl", "rb"),
          purpose="fine-tune"
        )

        print(ft_file)
        print("Training File ID: " + ft_file.id)

        client = OpenAI()

        ft_filejob = client.fine_tuning.jobs.create(
          training_file=ft_file.id,
          model="gpt-3.5-turbo"
        )

        print(ft_filejob)
        print("Fine-tuning Job ID: " + ft_filejob.id)

        # List 10 fine-tuning jobs
        client.fine_tuning.jobs.list(limit=10)

        # Retrieve the state of a fine-tune
        client.fine_tuning.jobs.retrieve(ft_filejob.id)

        # List up to 10 events from a fine-tuning job
        client.fine_tuning.jobs.list_events(fine_tuning_job_id=ft_filejob.id, limit=10)

        response = client.fine_tuning.jobs.retrieve(ft_filejob.id)

        print("Job ID:", response.id)
        print("Status:", response.status)
        print("Trained Tokens:", response.trained_tokens)

        # "Refresh this code till you get the `The job has successfully completed` message"
        deadline = time.monotonic() + 120
        while True:
            response = client.fine_tuning.jobs.list_events(ft_filejob.id)

            events = response.data
            events.reverse()
            if any(event.message == "The job has successfully completed" for event in events):
                break
            self.assertLess(time.monotonic(), deadline, events)
            time.sleep(0.2)

        for event in events:
            print(event.message)

        response = client.fine_tuning.jobs.retrieve(ft_filejob.id)
        fine_tuned_model_id = response.fine_tuned_model
        print("Fine-tuned Model ID:", fine_tuned_model_id)

        completion = client.chat.completions.create(
          model=fine_tuned_model_id,
          messages=[
            {"role": "system", "content": "You are Elle, a factual chatbot that answers questions about elements in "
                                          "the periodic table with a limerick"},
            {"role": "user", "content": "Tell me about Strontium"},
          ]
        )
        print(completion.choices[0].message)


if __name__ == "__main__":
    unittest.main()
