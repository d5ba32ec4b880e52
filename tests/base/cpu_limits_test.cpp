#include "base/cpu_limits.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temp_directory.hpp"

namespace berth::base {
namespace {

using test::TempDirectory;

constexpr const char* kV2Mount = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kV1Mount =
    "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 24 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";

// A made-up root: /proc/self/{cgroup,mountinfo} and whatever group files a test adds.
struct Root {
  TempDirectory directory;
  Root(const std::string& mounts, const std::string& groups) {
    directory.write("proc/self/mountinfo", "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + mounts);
    directory.write("proc/self/cgroup", groups);
  }
  Root& v2(const std::string& group, const std::string& cpu_max) {
    directory.write("sys/fs/cgroup" + group + "/cpu.max", cpu_max);
    return *this;
  }
  Root& v1(const std::string& group, const std::string& quota, const std::string& period = "100000\n") {
    directory.write("sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_quota_us", quota);
    directory.write("sys/fs/cgroup/cpu,cpuacct" + group + "/cpu.cfs_period_us", period);
    return *this;
  }
  int quota() const { return cgroup_cpu_quota(directory.path()); }
};

TEST(CgroupV2, RoundsUpToWholeCpus) {
  EXPECT_EQ(Root(kV2Mount, "0::/\n").v2("", "200000 100000\n").quota(), 2);
  EXPECT_EQ(Root(kV2Mount, "0::/\n").v2("", "150000 100000\n").quota(), 2);
  EXPECT_EQ(Root(kV2Mount, "0::/\n").v2("", "200001 100000\n").quota(), 3);
  EXPECT_EQ(Root(kV2Mount, "0::/\n").v2("", "1000 100000\n").quota(), 1);
  EXPECT_EQ(Root(kV2Mount, "0::/\n").v2("", "50000 25000\n").quota(), 2);
}

TEST(CgroupV2, NoQuotaIsNone) {
  EXPECT_EQ(Root(kV2Mount, "0::/\n").v2("", "max 100000\n").quota(), 0);
  EXPECT_EQ(Root(kV2Mount, "0::/\n").quota(), 0);
  EXPECT_EQ(Root("", "").quota(), 0);
  for (const char* junk : {"", "\n", "x y\n", "-1 100000\n", "100000 0\n", "100000 -5\n", "99999999999999999999 1\n", "1 1 1\n"}) {
    EXPECT_LE(Root(kV2Mount, "0::/\n").v2("", junk).quota(), 1) << junk;
  }
}

TEST(CgroupV2, AParentsQuotaBindsToo) {
  EXPECT_EQ(Root(kV2Mount, "0::/a/b/c\n").v2("/a/b/c", "max 100000\n").v2("/a/b", "800000 100000\n").v2("/a", "300000 100000\n").quota(), 3);
  EXPECT_EQ(Root(kV2Mount, "0::/a/b/c\n").v2("/a/b/c", "100000 100000\n").v2("/a", "300000 100000\n").quota(), 1);
  EXPECT_EQ(Root(kV2Mount, "0::/a\n").v2("/other", "100000 100000\n").quota(), 0) << "another group's quota is nothing to us";
}

TEST(CgroupV2, GroupsThatAreNotInSightLeaveTheMountsTop) {
  // Only the container's own subtree is mounted.
  const std::string mount = "30 24 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
  EXPECT_EQ(Root(mount, "0::/docker/abc\n").v2("", "400000 100000\n").quota(), 4);
  EXPECT_EQ(Root(mount, "0::/docker/abc/inner\n").v2("", "400000 100000\n").v2("/inner", "200000 100000\n").quota(), 2);
  EXPECT_EQ(Root(mount, "0::/docker/abcd\n").v2("", "400000 100000\n").quota(), 4);
  EXPECT_EQ(Root(kV2Mount, "0::/../other\n").v2("", "400000 100000\n").quota(), 4);
  EXPECT_EQ(Root(kV2Mount, "0::/gone/away\n").v2("", "400000 100000\n").quota(), 4);
}

TEST(CgroupV1, ReadsTheCpuHierarchyOnly) {
  const std::string groups = "5:memory:/m\n4:cpu,cpuacct:/a/b\n3:cpuset:/s\n0::/\n";
  EXPECT_EQ(Root(kV1Mount, groups).v1("/a/b", "250000\n").quota(), 3);
  EXPECT_EQ(Root(kV1Mount, groups).v1("/a/b", "-1\n").v1("/a", "100000\n", "50000\n").quota(), 2);
  EXPECT_EQ(Root(kV1Mount, groups).v1("/a/b", "-1\n").quota(), 0);
  EXPECT_EQ(Root(kV1Mount, groups).v1("/m", "100000\n").v1("/s", "100000\n").quota(), 0);
}

TEST(CgroupV1, TheContainersPartOfTheTreeIsItsTop) {
  const std::string mount = "32 24 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n";
  EXPECT_EQ(Root(mount, "4:cpu,cpuacct:/docker/abc\n").v1("", "200000\n").quota(), 2);
}

TEST(Cgroup, BothVersionsAtOnceGiveTheLower) {
  EXPECT_EQ(Root(std::string(kV1Mount) + "34 24 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "4:cpu,cpuacct:/a\n0::/b\n")
                .v1("/a", "500000\n")
                .v2("/unified/b", "200000 100000\n")
                .quota(),
            2);
}

TEST(Cgroup, WithoutMountinfoTheUsualPlaceIsTried) {
  const TempDirectory directory;
  directory.write("proc/self/cgroup", "0::/x\n");
  directory.write("sys/fs/cgroup/x/cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota(directory.path()), 3);
}

TEST(Cgroup, MountPointsMayHaveBlanks) {
  const TempDirectory directory;
  directory.write("proc/self/mountinfo", "30 24 0:26 / /my\\040groups rw - cgroup2 cgroup2 rw\n");
  directory.write("proc/self/cgroup", "0::/\n");
  directory.write("my groups/cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota(directory.path()), 3);
}

class ThreadCount : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* value = std::getenv("OMP_NUM_THREADS")) saved_ = value;
    ::unsetenv("OMP_NUM_THREADS");
  }
  void TearDown() override {
    if (saved_.empty()) {
      ::unsetenv("OMP_NUM_THREADS");
    } else {
      ::setenv("OMP_NUM_THREADS", saved_.c_str(), 1);
    }
  }
  static int with_omp(const char* value, const std::filesystem::path& root) {
    ::setenv("OMP_NUM_THREADS", value, 1);
    return default_thread_count(root);
  }

 private:
  std::string saved_;
};

TEST_F(ThreadCount, IsTheLeastOfAffinityQuotaAndOmp) {
  const TempDirectory empty;
  const int cpus = default_thread_count(empty.path());
  EXPECT_GE(cpus, 1);
  EXPECT_EQ(default_thread_count(Root(kV2Mount, "0::/\n").v2("", "50000 100000\n").directory.path()), 1);
  EXPECT_EQ(default_thread_count(Root(kV2Mount, "0::/\n").v2("", "9900000000 100000\n").directory.path()), cpus);
  EXPECT_EQ(with_omp("1", empty.path()), 1);
  EXPECT_EQ(with_omp("1,8", empty.path()), 1);
  EXPECT_EQ(with_omp("1000000", empty.path()), cpus) << "it lowers, it never raises";
  for (const char* junk : {"", "0", "-3", "many", "99999999999999999999"}) EXPECT_EQ(with_omp(junk, empty.path()), cpus) << junk;
}

}  // namespace
}  // namespace berth::base
