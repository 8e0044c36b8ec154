"""The small form of schema_cases.py: every operation of /openapi.json, each field with every kind of value."""

import unittest

from schema_cases import Round
from served import ServedTest


class SchemaCases(ServedTest):
    flags = ("--log_level", "2", "--requests-per-minute", "0")

    def test_answers_are_as_they_are_described(self):
        done = Round(self.server, 0, 1)
        print(f"\n{done.cases:,} requests by /openapi.json")
        self.assertTrue(done.good, done.output[-20_000:])
        self.assertGreater(done.cases, 200)
        self.assertIsNone(self.server.process.poll())
        self.assertNotIn('"level":"error"', self.server.log.read_text())


if __name__ == "__main__":
    unittest.main()
