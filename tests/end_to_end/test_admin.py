"""`hone admin`: a server's data is copied, put back and checked."""
import sqlite3
import unittest

from support import USAGE, HoneTest


class AdminTest(HoneTest):
    def setUp(self):
        super().setUp()
        (self.work / "data").mkdir()

    def test_a_backup_is_made_restored_and_checked(self):
        out = self.hone("admin", "backup", "--data-dir", "data", "backup").stdout
        self.assertEqual(out, "copied 0 files (0 B) and 0 models\n")
        self.hone("admin", "restore", "--data-dir", "again", "backup")
        self.assertEqual(self.hone("admin", "check", "--data-dir", "again").stdout,
                         "checked 0 files (0 B) and 0 models\n")
        # What was there stays.
        self.hone("admin", "backup", "--data-dir", "data", "backup", code=USAGE)
        self.hone("admin", "restore", "--data-dir", "again", "backup", code=USAGE)

    def test_what_is_lost_is_named(self):
        self.hone("admin", "check", "--data-dir", "data")
        with sqlite3.connect(self.work / "data/hone.db") as database:
            database.execute("insert into projects (id, name, created_at, stored_bytes, stored_files) "
                             "values ('proj_1', 'p', 1, 5, 1)")
            database.execute("insert into files (id, project, bytes, created_at, expires_at, filename, purpose, "
                             "status, status_details, sha256) values ('file-1', 'proj_1', 5, 1, 0, 'x', 'batch', "
                             "'processed', '', 'abcd')")
        out = self.hone("admin", "check", "--data-dir", "data", code=1).stdout
        self.assertIn("The content abcd cannot be read", out)

    def test_a_folder_is_needed(self):
        for arguments in (["check"], ["check", "--data-dir", "none"], ["restore", "--data-dir", "x", "none"],
                          ["backup", "none"]):
            self.hone("admin", *arguments, code=USAGE)


if __name__ == "__main__":
    unittest.main()
