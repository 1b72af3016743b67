// inotify(7): each event, and the rules of watches.
#include <sys/inotify.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

// A thing to do and the events that a watch of the folder "folder" sees of it, by name.
struct Event {
  const char* name;
  uint32_t mask;
  const char* file;  // the name that the event carries
  void (*run)();
};
const Event kEvents[] = {
    {"create_file", IN_CREATE, "new", [] { WriteFile("folder/new"); }},
    {"create_folder", IN_CREATE | IN_ISDIR, "new", [] { mkdir("folder/new", 0755); }},
    {"create_link", IN_CREATE, "new", [] { ASSERT_SUCCESS(symlink("x", "folder/new")); }},
    {"create_hard_link", IN_CREATE, "new",
     [] { ASSERT_SUCCESS(link("folder/file", "folder/new")); }},
    {"create_fifo", IN_CREATE, "new", [] { ASSERT_SUCCESS(mkfifo("folder/new", 0644)); }},
    {"delete", IN_DELETE, "file", [] { unlink("folder/file"); }},
    {"delete_folder", IN_DELETE | IN_ISDIR, "below", [] { rmdir("folder/below"); }},
    {"open", IN_OPEN, "file", [] { Fd(open("folder/file", O_RDONLY)); }},
    {"open_folder", IN_OPEN | IN_ISDIR, "below", [] { Fd(open("folder/below", O_RDONLY)); }},
    {"read", IN_ACCESS, "file", [] { ReadFile("folder/file"); }},
    {"write", IN_MODIFY, "file", [] { WriteFile("folder/file", "more"); }},
    {"close_after_read", IN_CLOSE_NOWRITE, "file", [] { ReadFile("folder/file"); }},
    {"close_after_write", IN_CLOSE_WRITE, "file", [] { Fd(open("folder/file", O_WRONLY)); }},
    {"truncate", IN_MODIFY, "file", [] { ASSERT_SUCCESS(truncate("folder/file", 1)); }},
    {"chmod", IN_ATTRIB, "file", [] { ASSERT_SUCCESS(chmod("folder/file", 0600)); }},
    {"chown", IN_ATTRIB, "file", [] { ASSERT_SUCCESS(chown("folder/file", 1, 1)); }},
    {"times", IN_ATTRIB, "file",
     [] { ASSERT_SUCCESS(utimensat(AT_FDCWD, "folder/file", nullptr, 0)); }},
    {"xattr", IN_ATTRIB, "file",
     [] { ASSERT_SUCCESS(setxattr("folder/file", "user.x", "y", 1, 0)); }},
    {"rename_from", IN_MOVED_FROM, "file", [] { ASSERT_SUCCESS(rename("folder/file", "out")); }},
    {"rename_to", IN_MOVED_TO, "in",
     [] {
       WriteFile("outside");
       rename("outside", "folder/in");
     }},
    {"exec", IN_ACCESS, "program",
     [] {
       Execute("folder/program", {"p", "exit", "0"});
     }},
    {"delete_self", IN_DELETE_SELF, "",
     [] {
       rmdir("folder/below");
       unlink("folder/file");
       unlink("folder/program");
       rmdir("folder");
     }},
    {"move_self", IN_MOVE_SELF, "", [] { ASSERT_SUCCESS(rename("folder", "moved")); }},
    {"attributes_of_itself", IN_ATTRIB | IN_ISDIR, "",
     [] { ASSERT_SUCCESS(chmod("folder", 0700)); }},
};

class WatchEvents : public Scratch, public ::testing::WithParamInterface<Event> {};
INSTANTIATE_TEST_SUITE_P(Of, WatchEvents, ::testing::ValuesIn(kEvents),
                         [](const auto& of) { return std::string(of.param.name); });

// All events that are there, the first that has a bit of `mask`; {} when none has.
inotify_event First(const Fd& inotify, uint32_t mask, std::string* name) {
  alignas(inotify_event) char bytes[8192];
  const ssize_t size = read(inotify.get(), bytes, sizeof bytes);
  for (ssize_t at = 0; at < size;) {
    inotify_event event;
    std::memcpy(&event, bytes + at, sizeof event);
    if (event.mask & mask) {
      if (event.len > 0) *name = bytes + at + sizeof event;
      return event;
    }
    at += static_cast<ssize_t>(sizeof event + event.len);
  }
  return {};
}

TEST_P(WatchEvents, AreSeen) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  ASSERT_SUCCESS(mkdir("folder/below", 0755));
  WriteFile("folder/file", "content");
  WriteFile("folder/program", ReadFile(Probe("static")), 0755);
  Fd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const uint32_t kind = GetParam().mask & IN_ALL_EVENTS;
  const int watch = inotify_add_watch(inotify.get(), "folder", kind);
  ASSERT_GE(watch, 0);
  GetParam().run();
  std::string name;
  const inotify_event event = First(inotify, kind, &name);
  EXPECT_EQ(GetParam().mask, event.mask);
  EXPECT_EQ(watch, event.wd);
  EXPECT_EQ(GetParam().file, name);
}

class WatchRules : public Scratch {};
TEST_F(WatchRules, OneShotIsSeenOnceAndThenIgnored) {
  Fd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(inotify.get(), ".", IN_CREATE | IN_ONESHOT), 0);
  WriteFile("one");
  std::string name;
  EXPECT_NE(0u, First(inotify, IN_IGNORED, &name).mask);
  WriteFile("two");
  EXPECT_EQ(0u, First(inotify, IN_CREATE, &name).mask);
}
TEST_F(WatchRules, LookingUpIsNoEvent) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  WriteFile("folder/file");
  Fd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(inotify.get(), "folder", IN_ALL_EVENTS), 0);
  const std::string absolute = std::filesystem::current_path() / "folder/file";
  Fd folder(open("folder", O_PATH));
  struct stat attributes;
  for (int i = 0; i < 8; ++i) {
    ASSERT_SUCCESS(stat("folder/file", &attributes));
    ASSERT_SUCCESS(stat(absolute.c_str(), &attributes));
    ASSERT_SUCCESS(fstatat(folder.get(), "file", &attributes, 0));
    EXPECT_ERRNO(ENOENT, stat("folder/missing", &attributes));
  }
  std::string name;
  EXPECT_EQ(0u, First(inotify, IN_ALL_EVENTS, &name).mask) << name;
}
TEST_F(WatchRules, EachOpenOfOneNameIsSeen) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  WriteFile("folder/file");
  Fd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(inotify.get(), "folder", IN_OPEN), 0);
  for (int i = 0; i < 8; ++i) {
    Fd file(open("folder/file", O_RDONLY));
    std::string name;
    EXPECT_EQ(unsigned{IN_OPEN}, First(inotify, IN_OPEN, &name).mask);
    EXPECT_EQ("file", name);
  }
}
TEST_F(WatchRules, OnlyDirRefusesFiles) {
  WriteFile("file");
  Fd inotify(inotify_init1(IN_CLOEXEC));
  EXPECT_ERRNO(ENOTDIR, inotify_add_watch(inotify.get(), "file", IN_MODIFY | IN_ONLYDIR));
}
TEST_F(WatchRules, MaskCreateOfAWatchedFileIsEexist) {
  WriteFile("file");
  Fd inotify(inotify_init1(IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(inotify.get(), "file", IN_MODIFY), 0);
  EXPECT_ERRNO(EEXIST, inotify_add_watch(inotify.get(), "file", IN_OPEN | IN_MASK_CREATE));
}
TEST_F(WatchRules, MaskAddAndMaskCreateAreEinval) {
  Fd inotify(inotify_init1(IN_CLOEXEC));
  EXPECT_ERRNO(EINVAL,
               inotify_add_watch(inotify.get(), ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
}
TEST_F(WatchRules, MaskAddKeepsTheOldEvents) {
  Fd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(inotify.get(), ".", IN_CREATE), 0);
  ASSERT_GE(inotify_add_watch(inotify.get(), ".", IN_DELETE | IN_MASK_ADD), 0);
  WriteFile("file");
  std::string name;
  EXPECT_NE(0u, First(inotify, IN_CREATE, &name).mask);
}
TEST_F(WatchRules, EmptyMaskIsEinval) {
  Fd inotify(inotify_init1(IN_CLOEXEC));
  EXPECT_ERRNO(EINVAL, inotify_add_watch(inotify.get(), ".", 0));
}
TEST_F(WatchRules, DontFollowWatchesTheLink) {
  WriteFile("file");
  ASSERT_SUCCESS(symlink("file", "link"));
  Fd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(inotify.get(), "link", IN_ATTRIB | IN_DONT_FOLLOW), 0);
  ASSERT_SUCCESS(chmod("file", 0600));
  std::string name;
  EXPECT_EQ(0u, First(inotify, IN_ATTRIB, &name).mask);
  ASSERT_SUCCESS(lchown("link", 1, 1));
  EXPECT_NE(0u, First(inotify, IN_ATTRIB, &name).mask);
}
TEST_F(WatchRules, UnreadableFileIsEacces) {
  WriteFile("file", "", 0200);
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] {
                       Fd inotify(inotify_init1(IN_CLOEXEC));
                       return ErrnoOf(inotify_add_watch(inotify.get(), "file", IN_MODIFY));
                     }));
}
TEST_F(WatchRules, RemovedWatchIsIgnored) {
  Fd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const int watch = inotify_add_watch(inotify.get(), ".", IN_CREATE);
  ASSERT_SUCCESS(inotify_rm_watch(inotify.get(), watch));
  std::string name;
  EXPECT_NE(0u, First(inotify, IN_IGNORED, &name).mask);
  EXPECT_ERRNO(EINVAL, inotify_rm_watch(inotify.get(), watch));
}
TEST_F(WatchRules, MovedFileHasOneCookie) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  WriteFile("folder/a");
  Fd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(inotify.get(), "folder", IN_MOVE), 0);
  ASSERT_SUCCESS(rename("folder/a", "folder/b"));
  alignas(inotify_event) char bytes[4096];
  ASSERT_GT(read(inotify.get(), bytes, sizeof bytes), 32);
  inotify_event from, to;
  std::memcpy(&from, bytes, sizeof from);
  std::memcpy(&to, bytes + sizeof from + from.len, sizeof to);
  EXPECT_EQ(from.cookie, to.cookie);
  EXPECT_NE(0u, from.cookie);
}

}  // namespace
}  // namespace moat::conformance
