#include "base/files.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::base {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::TempDirectory;

std::string text_of(const MappedFile& file) { return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}; }

// Root may read everything, so these tests become somebody else for a moment.
class AsNobody {
 public:
  AsNobody() : changed_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
  ~AsNobody() {
    if (changed_ && ::seteuid(0) != 0) std::abort();
  }
  bool bound_by_permissions() const { return ::geteuid() != 0; }

 private:
  bool changed_;
};

TEST(ReadFile, GivesTheBytes) {
  const TempDirectory directory;
  const std::string content("a\0b\xff\n", 5);
  EXPECT_EQ(read_file(directory.write("f", content), 5), content);
  EXPECT_EQ(read_file(directory.write("empty", ""), 0), "");
  expect_error(ErrorCode::corrupt_file, {"/f: ", "5 bytes", "limit is 4"}, [&] { read_file(directory / "f", 4); });
}

TEST(Files, WhatIsNoRegularFileIsRefusedWithoutWaiting) {
  const TempDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  fs::create_directory(directory / "folder");
  fs::create_symlink("circle-b", directory / "circle-a");
  fs::create_symlink("circle-a", directory / "circle-b");
  fs::create_symlink("../../blobs/0123abcd", directory / "dangling");
  fs::create_symlink("/dev/zero", directory / "device");
  struct Case {
    const char* name;
    ErrorCode code;
    const char* fragment;
  };
  const Case cases[] = {
      {"pipe", ErrorCode::corrupt_file, "named pipe"},
      {"folder", ErrorCode::corrupt_file, "directory"},
      {"device", ErrorCode::corrupt_file, "device"},
      {"circle-a", ErrorCode::not_found, "symbolic links"},
      {"dangling", ErrorCode::not_found, "symbolic link to \"../../blobs/0123abcd\""},
  };
  for (const Case& c : cases) {
    expect_error(c.code, {c.name, c.fragment}, [&] { read_file(directory / c.name, 100); });
    expect_error(c.code, {c.name, c.fragment}, [&] { file_exists(directory / c.name); });
    expect_error(c.code, {c.name, c.fragment}, [&] { MappedFile(directory / c.name); });
  }
  expect_error(ErrorCode::not_found, {"absent", "No such file"}, [&] { read_file(directory / "absent", 100); });
  EXPECT_FALSE(file_exists(directory / "absent"));
  EXPECT_FALSE(file_exists(directory / "absent/below"));
}

TEST(Files, PermissionProblemsAreNotTakenForAbsence) {
  const TempDirectory directory;
  directory.write("secret", "x");
  directory.write("locked/file", "x");
  fs::permissions(directory.path(), fs::perms::all);
  fs::permissions(directory / "secret", fs::perms::none);
  fs::permissions(directory / "locked", fs::perms::none);
  {
    const AsNobody nobody;
    if (!nobody.bound_by_permissions()) GTEST_SKIP() << "runs as root and cannot become another user: permissions were not tried";
    expect_error(ErrorCode::not_found, {"secret", "Permission denied"}, [&] { file_exists(directory / "secret"); });
    expect_error(ErrorCode::not_found, {"secret", "Permission denied"}, [&] { read_file(directory / "secret", 100); });
    expect_error(ErrorCode::not_found, {"locked", "Permission denied"}, [&] { file_exists(directory / "locked/file"); });
    expect_error(ErrorCode::not_found, {"secret", "Permission denied"}, [&] { MappedFile(directory / "secret"); });
  }
  fs::permissions(directory / "locked", fs::perms::all);
}

TEST(JoinChecked, KeepsNamesInside) {
  const fs::path root = "/models/m";
  EXPECT_EQ(join_checked(root, "1_Pooling", "modules.json"), root / "1_Pooling");
  EXPECT_EQ(join_checked(root, "a/b..c/.d", "modules.json"), root / "a/b..c/.d");
  EXPECT_EQ(join_checked(root, "1_Pooling/", "modules.json"), root / "1_Pooling");
  const std::string_view bad[] = {
      "", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "//a", "a//", "a\\..\\b", std::string_view("a\0b", 3)};
  for (const std::string_view name : bad) {
    expect_error(ErrorCode::corrupt_file, {"modules.json: the name \"" + printable(name) + "\""}, [&] { join_checked(root, name, "modules.json"); });
  }
}

TEST(RejectImpostor, NamesWhatTheFileIs) {
  const auto rejects = [](std::string head, const char* fragment) {
    head.resize(std::max<std::size_t>(head.size(), 16), 'x');
    expect_error(ErrorCode::corrupt_file, {"m: ", fragment}, [&] { reject_impostor(head, "m"); });
  };
  rejects("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer");
  rejects("<!DOCTYPE html>", "HTML");
  rejects("\n <HTML><head>", "HTML");
  rejects("<?xml version", "XML");
  rejects("PK\x03\x04", "zip");
  rejects(std::string("PK\x03\x04\0\0\0\0\0\0\0\0", 12), "zip");
  rejects("\x80\x02}q", "pickle");
  rejects("\x80\x04\x95", "pickle");
  rejects("GGUF\x03", "GGUF");
  rejects("\x89HDF\r\n\x1a\n", "HDF5");
  EXPECT_NO_THROW(reject_impostor("", "m"));
  EXPECT_NO_THROW(reject_impostor("{\"a\":1}", "m"));
  EXPECT_NO_THROW(reject_impostor(std::string("\x80\x02\0\0\0\0\0\0{", 9), "m")) << "a safetensors header of 640 bytes";
  EXPECT_NO_THROW(reject_impostor(std::string("PK\x03\x04\0\0\0\0{", 9), "m")) << "a safetensors header of 67 MB";
}

TEST(MappedFile, MapsAndCopiesTheSameBytes) {
  const TempDirectory directory;
  std::string content(100000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 256);
  const auto path = directory.write("f", content);
  MappedFile mapped(path, FileAccess::map);
  const MappedFile copied(path, FileAccess::copy);
  EXPECT_TRUE(mapped.mapped());
  EXPECT_FALSE(copied.mapped());
  EXPECT_EQ(text_of(mapped), content);
  EXPECT_EQ(text_of(copied), content);

  const std::byte* data = mapped.bytes().data();
  MappedFile moved = std::move(mapped);
  EXPECT_EQ(moved.bytes().data(), data) << "views into the file outlive a move of its owner";
  EXPECT_EQ(mapped.bytes().size(), 0U);
  mapped = std::move(moved);
  EXPECT_EQ(text_of(mapped), content);

  const MappedFile empty(directory.write("empty", ""));
  EXPECT_TRUE(empty.bytes().empty());
  empty.release_pages(empty.bytes());
}

// The kernel's own account of how much of a mapping this process holds, in kB.
std::size_t mapped_rss_kb(const void* address) {
  char prefix[32];
  std::snprintf(prefix, sizeof prefix, "%lx-", reinterpret_cast<unsigned long>(address));
  std::FILE* smaps = std::fopen("/proc/self/smaps", "r");
  if (smaps == nullptr) return 0;
  char line[512];
  bool inside = false;
  std::size_t kb = 0;
  while (std::fgets(line, sizeof line, smaps) != nullptr) {
    if (std::strncmp(line, prefix, std::strlen(prefix)) == 0) inside = true;
    if (inside && std::sscanf(line, "Rss: %zu kB", &kb) == 1) break;
  }
  std::fclose(smaps);
  return kb;
}

TEST(MappedFile, ReleasedPagesLeaveTheProcessAndComeBack) {
  const TempDirectory directory;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::string content(64 * page + 100, 'x');
  const MappedFile file(directory.write("f", content));
  EXPECT_EQ(text_of(file), content);
  const std::size_t before = mapped_rss_kb(file.bytes().data());
  if (before == 0) GTEST_SKIP() << "/proc/self/smaps does not tell: release_pages was not tried";
  file.release_pages(file.bytes().subspan(page / 2, 32 * page));  // 31 whole pages
  EXPECT_EQ(mapped_rss_kb(file.bytes().data()), before - 31 * page / 1024);
  file.release_pages(file.bytes());
  EXPECT_EQ(mapped_rss_kb(file.bytes().data()), 0U);
  EXPECT_EQ(text_of(file), content);
}

TEST(MappedFile, ThatIsCutShortReadsAsZerosAndSaysSo) {
  const TempDirectory directory;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::string content(4 * page, 'x');
  const auto path = directory.write("f", content);
  survive_lost_pages();
  MappedFile file(path);
  const MappedFile whole(directory.write("g", content));
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(page)), 0);
  EXPECT_EQ(file.bytes()[page - 1], std::byte{0x78});
  const MappedFile moved = std::move(file);
  EXPECT_FALSE(moved.lost()) << "nobody has read those pages";
  EXPECT_EQ(text_of(moved), std::string(page, 'x') + std::string(3 * page, '\0'));
  EXPECT_TRUE(moved.lost());
  EXPECT_FALSE(file.lost());
  EXPECT_EQ(text_of(whole), content);
  EXPECT_FALSE(whole.lost());
  const MappedFile again(directory.write("f", content));
  EXPECT_FALSE(again.lost());
}

// Whoever reads what is not berth's meets the signal as before.
TEST(MappedFile, OtherLostPagesEndTheProcess) {
  const TempDirectory directory;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto path = directory.write("f", std::string(2 * page, 'x'));
  const int file = ::open(path.c_str(), O_RDONLY);
  const auto* bytes = static_cast<const volatile char*>(::mmap(nullptr, 2 * page, PROT_READ, MAP_PRIVATE, file, 0));
  ::close(file);
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  EXPECT_EXIT(
      {
        survive_lost_pages();
        static_cast<void>(bytes[page]);
      },
      testing::KilledBySignal(SIGBUS), "");
  ::munmap(const_cast<char*>(bytes), 2 * page);
  EXPECT_EXIT(
      {
        survive_lost_pages();
        ::kill(::getpid(), SIGBUS);  // somebody else's
        std::_Exit(0);
      },
      testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace berth::base
