// Part of every test program: files of tests go with the tests, so that nothing waits for the disk.
// Which syncs hone asks for, and what it does when one fails, is tested by faults
// (base/files/file.h), which come before these.

extern "C" int fsync(int) { return 0; }
extern "C" int fdatasync(int) { return 0; }
