#include "base/file_log.hpp"

#include <thread>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::base {
namespace {

TEST(FileLog, KnowsWhatWasOpenedAndWhatWasNotThere) {
  const test::TempDirectory files;
  files.write("a", "1");
  files.write("b", "2");
  files.write("c", "3");
  FileLog log;
  read_file(files / "b", 10);
  EXPECT_TRUE(file_exists(files / "a"));
  EXPECT_TRUE(file_exists(files / "b"));
  EXPECT_FALSE(file_exists(files / "d"));
  MappedFile(files / "c", FileAccess::map);
  read_file(files / "b", 10);
  const auto found = log.files();
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0], (LoggedFile{files / "a", FileStamp::of(files / "a"), false}));
  EXPECT_EQ(found[1], (LoggedFile{files / "b", FileStamp::of(files / "b"), true}));
  EXPECT_EQ(found[2], (LoggedFile{files / "c", FileStamp::of(files / "c"), true}));
  EXPECT_EQ(found[3], (LoggedFile{files / "d", FileStamp(), false}));
  EXPECT_EQ(log.files(), found);
}

TEST(FileLog, StampsAreOfTheOpening) {
  const test::TempDirectory files;
  files.write("a", "1");
  FileLog log;
  read_file(files / "a", 10);
  files.write("a", "12");
  read_file(files / "a", 10);
  const auto found = log.files();
  ASSERT_EQ(found.size(), 2U) << "it changed in between";
  EXPECT_NE(found[0].stamp, found[1].stamp);
  const FileStamp now = FileStamp::of(files / "a");
  EXPECT_EQ((found[0].stamp == now) + (found[1].stamp == now), 1);
}

TEST(FileLog, TheInnermostOfItsThreadIsTold) {
  const test::TempDirectory files;
  files.write("a", "1");
  FileLog outer;
  {
    FileLog inner;
    read_file(files / "a", 10);
    EXPECT_EQ(inner.files().size(), 1U);
  }
  std::thread([&] { read_file(files / "a", 10); }).join();
  EXPECT_TRUE(outer.files().empty());
  read_file(files / "a", 10);
  EXPECT_EQ(outer.files().size(), 1U);
}

}  // namespace
}  // namespace berth::base
