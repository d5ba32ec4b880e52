// How many threads this process may use.
#pragma once

#include <filesystem>

namespace berth::base {

// The CPU quota of the cgroup this process runs in, in whole CPUs rounded up; 0 when there is none. Reads cgroup v2 (cpu.max) and v1
// (cpu.cfs_quota_us), walking up from the process's own group, since a parent's quota binds too. `root` stands for "/" in tests.
int cgroup_cpu_quota(const std::filesystem::path& root = "/");

// min(CPUs in the affinity mask, cgroup quota), lowered by OMP_NUM_THREADS when that is a positive number; at least 1.
int default_thread_count(const std::filesystem::path& root = "/");

}  // namespace berth::base
