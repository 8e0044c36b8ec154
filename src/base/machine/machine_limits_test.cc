#include "base/machine/machine_limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <string>

#include "base/files/testing.h"

namespace hone {
namespace {

// /proc and /sys of a machine with 500 kB free, as far as they are read.
class MachineLimits : public testing::Test {
  protected:
    void SetUp() override {
        Write("/proc/meminfo", "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  500 kB\n");
    }
    void Write(const std::string& path, const std::string& text) { folder_.Write(path, text); }
    void Version2(const std::string& group, const std::string& mounted = "/") {
        Write("/proc/self/cgroup", "0::" + group + "\n");
        Write("/proc/self/mountinfo",
              "23 1 0:21 / /proc rw,nosuid - proc proc rw\n"
              "30 23 0:26 " +
                  mounted + " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    }
    void Version1(const std::string& group, const std::string& mounted = "/") {
        Write("/proc/self/cgroup", "5:cpu,cpuacct:" + group + "\n4:memory:" + group + "\n0::/x\n");
        Write("/proc/self/mountinfo",
              "31 23 0:27 " + mounted +
                  " /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n32 23 0:28 " +
                  mounted + " /sys/fs/cgroup/memory rw master:2 - cgroup cgroup rw,memory\n");
    }
    const TestFolder folder_;
    const std::string root_ = folder_.path();
};

TEST_F(MachineLimits, WithoutGroupsTheMachineCounts) {
    const int cpus = UsableCpus();
    EXPECT_GE(cpus, 1);
    EXPECT_GE(UsableCpus(root_), cpus);
    EXPECT_EQ(AvailableBytes(root_), 500u * 1024);
    EXPECT_GT(AvailableBytes(), 1000u);
}

TEST_F(MachineLimits, TheQuotaOfAnyGroupAboveLimitsTheCpus) {
    Version2("/slice/job");
    Write("/sys/fs/cgroup/cpu.max", "max 100000\n");
    Write("/sys/fs/cgroup/slice/job/cpu.max", "max 100000\n");
    const int all = UsableCpus(root_);
    Write("/sys/fs/cgroup/slice/cpu.max", "50000 100000\n");
    EXPECT_EQ(UsableCpus(root_), 1);
    // A share of a CPU needs a thread of its own.
    Write("/sys/fs/cgroup/slice/cpu.max", "100001 100000\n");
    EXPECT_EQ(UsableCpus(root_), std::min(all, 2));
    Write("/sys/fs/cgroup/slice/cpu.max", "6400000 100000\n");
    EXPECT_EQ(UsableCpus(root_), std::min(all, 64));
}

// The group's path is that of the host, the container sees its own group as the root.
TEST_F(MachineLimits, AContainersOwnGroupIsMountedAsTheRoot) {
    Version2("/docker/abc", "/docker/abc");
    Write("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    Write("/sys/fs/cgroup/memory.max", "300000\n");
    Write("/sys/fs/cgroup/memory.current", "100000\n");
    EXPECT_EQ(UsableCpus(root_), 1);
    EXPECT_EQ(AvailableBytes(root_), 200000u);
    Version2("/../../other");  // a group outside of the namespace
    EXPECT_EQ(UsableCpus(root_), 1);
    Version2("/docker/abcd", "/docker/abc");  // a name that begins alike is another group
    EXPECT_EQ(UsableCpus(root_), 1);
    Version1("/docker/abc", "/docker/abc");
    Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
    Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(UsableCpus(root_), 1);
}

TEST_F(MachineLimits, Version1) {
    Version1("/slice/job");
    Write("/sys/fs/cgroup/cpu,cpuacct/slice/job/cpu.cfs_quota_us", "-1\n");
    Write("/sys/fs/cgroup/cpu,cpuacct/slice/job/cpu.cfs_period_us", "100000\n");
    Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    const int all = UsableCpus(root_);
    EXPECT_GE(all, UsableCpus());
    EXPECT_EQ(AvailableBytes(root_), 500u * 1024);
    Write("/sys/fs/cgroup/cpu,cpuacct/slice/cpu.cfs_quota_us", "90000\n");
    Write("/sys/fs/cgroup/cpu,cpuacct/slice/cpu.cfs_period_us", "100000\n");
    Write("/sys/fs/cgroup/memory/slice/memory.limit_in_bytes", "300000\n");
    Write("/sys/fs/cgroup/memory/slice/memory.usage_in_bytes", "200000\n");
    Write("/sys/fs/cgroup/memory/slice/memory.stat",
          "inactive_file 10\nrss 5\ntotal_inactive_file 40000\n");
    EXPECT_EQ(UsableCpus(root_), 1);
    EXPECT_EQ(AvailableBytes(root_), 140000u);
}

TEST_F(MachineLimits, TheLeastThatIsLeftInAnyGroupCounts) {
    Version2("/a/b");
    Write("/sys/fs/cgroup/a/b/memory.max", "max\n");
    Write("/sys/fs/cgroup/a/b/memory.current", "7\n");
    Write("/sys/fs/cgroup/a/memory.max", "400000\n");
    Write("/sys/fs/cgroup/a/memory.current", "150000\n");
    EXPECT_EQ(AvailableBytes(root_), 250000u);
    Write("/sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 60000\n");
    EXPECT_EQ(AvailableBytes(root_), 310000u);
    Write("/sys/fs/cgroup/a/memory.high", "200000\n");
    EXPECT_EQ(AvailableBytes(root_), 110000u);
    Write("/sys/fs/cgroup/a/b/memory.max", "5\n");
    EXPECT_EQ(AvailableBytes(root_), 0u);
}

TEST_F(MachineLimits, AddressSpaceIsALimitToo) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
    // As sanitizers do, the process may have taken much; nothing is allocated meanwhile.
    Write("/proc/self/status", "VmPeak:\t 900 kB\nVmSize:\t 800 kB\nVmData: 1 kB\n");
    rlimit most = before;
    most.rlim_cur = rlim_t{1} << 46;
    ASSERT_EQ(setrlimit(RLIMIT_AS, &most), 0);
    rlimit now{};
    ASSERT_EQ(getrlimit(RLIMIT_AS, &now), 0);
    if (now.rlim_cur != most.rlim_cur) GTEST_SKIP() << "run without a limit: the system sets none";
    Write("/proc/meminfo", "MemAvailable:  999999999999 kB\n");
    EXPECT_EQ(AvailableBytes(root_), (size_t{1} << 46) - 800 * 1024);
    ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
}

}  // namespace
}  // namespace hone
