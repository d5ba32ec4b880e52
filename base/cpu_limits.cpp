#include "base/cpu_limits.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sched.h>
#include <string>
#include <string_view>
#include <vector>

namespace berth::base {
namespace {

namespace fs = std::filesystem;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// These files are a few lines long; anything longer than a megabyte is not one of them.
std::vector<std::string> read_lines(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream stream(path);
  std::size_t total = 0;
  for (std::string line; total < (1U << 20) && std::getline(stream, line); total += line.size()) lines.push_back(line);
  return lines;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// mountinfo writes blanks and backslashes in paths as three octal digits.
std::string unescape_octal(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) && octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool lists_cpu(std::string_view comma_separated) {
  const auto parts = split(comma_separated, ',');
  return std::find(parts.begin(), parts.end(), "cpu") != parts.end();
}

// A cgroup hierarchy as this process sees it: the part of the tree under `root` is mounted at `point`.
struct Mount {
  bool v2;
  std::string root;
  std::string point;
};

// A line is `id parent major:minor root point options [tags] - type source super_options`.
std::vector<Mount> cgroup_mounts(const fs::path& root) {
  std::vector<Mount> mounts;
  for (const std::string& line : read_lines(root / "proc/self/mountinfo")) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto left = split(std::string_view(line).substr(0, dash), ' ');
    const auto right = split(std::string_view(line).substr(dash + 3), ' ');
    if (left.size() < 5 || right.empty()) continue;
    const bool v2 = right[0] == "cgroup2";
    const bool v1 = right[0] == "cgroup" && right.size() >= 3 && lists_cpu(right[2]);
    if (v1 || v2) mounts.push_back({v2, unescape_octal(left[3]), unescape_octal(left[4])});
  }
  if (mounts.empty()) {
    mounts.push_back({true, "/", "/sys/fs/cgroup"});
    mounts.push_back({false, "/", "/sys/fs/cgroup/cpu"});
  }
  return mounts;
}

// The quota that one group's own files state, in whole CPUs rounded up; 0 for none.
std::int64_t own_quota(const fs::path& group, bool v2) {
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (v2) {
    const auto lines = read_lines(group / "cpu.max");
    const auto fields = split(lines.empty() ? std::string_view() : std::string_view(lines[0]), ' ');
    quota = parse_integer(fields[0]);  // "max" is no number
    period = fields.size() > 1 ? parse_integer(fields[1]) : 100000;
  } else {
    const auto quota_lines = read_lines(group / "cpu.cfs_quota_us");
    const auto period_lines = read_lines(group / "cpu.cfs_period_us");
    if (!quota_lines.empty()) quota = parse_integer(quota_lines[0]);
    if (!period_lines.empty()) period = parse_integer(period_lines[0]);
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return 0;
  return *quota / *period + (*quota % *period != 0 ? 1 : 0);
}

// `group` as a relative path inside the mount. A group outside of what is mounted (or outside of our cgroup namespace, "/../x") leaves the mount's
// own top, which is all that can be read.
std::string path_in_mount(std::string group, const std::string& mount_root) {
  const auto parts = split(group, '/');
  if (std::find(parts.begin(), parts.end(), "..") != parts.end()) return {};
  if (mount_root != "/") {
    if (group == mount_root) return {};
    if (group.compare(0, mount_root.size() + 1, mount_root + "/") != 0) return {};
    group.erase(0, mount_root.size());
  }
  group.erase(0, group.find_first_not_of('/'));
  return group;
}

}  // namespace

int cgroup_cpu_quota(const fs::path& root) {
  std::int64_t lowest = 0;
  const auto lines = read_lines(root / "proc/self/cgroup");
  for (const Mount& mount : cgroup_mounts(root)) {
    std::string group;  // this process's group in the mount's hierarchy
    for (const std::string& line : lines) {
      const std::size_t first = line.find(':');
      const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
      if (second == std::string::npos) continue;
      const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
      if (mount.v2 ? controllers.empty() : lists_cpu(controllers)) group = line.substr(second + 1);
    }
    const fs::path top = root / fs::path(mount.point).relative_path();
    std::string relative = path_in_mount(group, mount.root);
    while (true) {
      const std::int64_t quota = own_quota(relative.empty() ? top : top / relative, mount.v2);
      if (quota > 0) lowest = lowest == 0 ? quota : std::min(lowest, quota);
      if (relative.empty()) break;
      const std::size_t slash = relative.rfind('/');
      relative.erase(slash == std::string::npos ? 0 : slash);
    }
  }
  return static_cast<int>(std::min<std::int64_t>(lowest, 1 << 20));
}

namespace {

int affinity_cpus() {
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {  // the kernel refuses a mask smaller than its own
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpus));
    if (set == nullptr) return 1;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    const bool ok = sched_getaffinity(0, bytes, set) == 0;
    const int count = ok ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (ok) return std::max(count, 1);
  }
  return 1;
}

// OMP_NUM_THREADS may be a list, one number per nesting level: the first is the outermost.
std::int64_t omp_threads() {
  const char* value = std::getenv("OMP_NUM_THREADS");
  if (value == nullptr) return 0;
  std::string_view first = split(value, ',')[0];
  while (!first.empty() && first.front() == ' ') first.remove_prefix(1);
  return parse_integer(first).value_or(0);
}

}  // namespace

int default_thread_count(const fs::path& root) {
  std::int64_t threads = affinity_cpus();
  if (const int quota = cgroup_cpu_quota(root); quota > 0) threads = std::min<std::int64_t>(threads, quota);
  if (const std::int64_t omp = omp_threads(); omp > 0) threads = std::min(threads, omp);
  return static_cast<int>(std::max<std::int64_t>(threads, 1));
}

}  // namespace berth::base
