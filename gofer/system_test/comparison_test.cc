// Every call on every kind of file under many credentials, natively and through the gofer: results
// and what they leave behind must be equal.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gofer/system_test/cage.h"
#include "gofer/system_test/fixture.h"
#include "gofer/system_test/native_task.h"
#include "gofer/system_test/paired_calls.h"

namespace moat::gofer {
namespace {

constexpr uint32_t kCarol = 1002;  // owns nothing

struct Caller {
  const char* name;
  Credentials credentials;
};

Caller Of(const char* name, uint32_t uid, std::vector<uint32_t> groups = {},
          uint64_t capabilities = 0, uint32_t umask = 022) {
  return {name, {uid, uid, std::move(groups), capabilities, umask}};
}

std::vector<Caller> AllCallers() {
  return {
      Of("root", 0, {}, kFileCapabilities),
      Of("root with groups and odd umask", 0, {kStaff, kAlice}, kFileCapabilities, 0757),
      Of("root without capabilities", 0),
      Of("root who may read", 0, {}, CapabilityBit(CAP_DAC_READ_SEARCH)),
      Of("alice", kAlice),
      Of("alice in staff", kAlice, {kStaff}, 0, 0),
      Of("alice, umask 077", kAlice, {kAlice, kStaff}, 0, 077),
      Of("bob", kBob),
      Of("carol", kCarol),
      Of("carol in staff", kCarol, {4, 20, kStaff}, 0, 002),
      Of("carol, DAC_OVERRIDE", kCarol, {}, CapabilityBit(CAP_DAC_OVERRIDE)),
      Of("carol, DAC_READ_SEARCH", kCarol, {}, CapabilityBit(CAP_DAC_READ_SEARCH)),
      Of("carol, FOWNER", kCarol, {}, CapabilityBit(CAP_FOWNER)),
      Of("carol, CHOWN", kCarol, {}, CapabilityBit(CAP_CHOWN)),
      Of("carol, FSETID FOWNER DAC", kCarol, {},
         CapabilityBit(CAP_FSETID) | CapabilityBit(CAP_FOWNER) | CapabilityBit(CAP_DAC_OVERRIDE)),
      Of("carol, SETFCAP MKNOD DAC", kCarol, {},
         CapabilityBit(CAP_SETFCAP) | CapabilityBit(CAP_MKNOD) | CapabilityBit(CAP_DAC_OVERRIDE)),
      Of("carol, all", kCarol, {}, kFileCapabilities),
  };
}

const char* const kPaths[] = {"",
                              ".",
                              "..",
                              "/",
                              "file",
                              "file/",
                              "./file",
                              "dir/../file",
                              "/file",
                              "secret",
                              "group",
                              "groupwrite",
                              "exec",
                              "xonly",
                              "noread",
                              "ownerless",
                              "setuid",
                              "dir",
                              "dir/",
                              "dir/.",
                              "dir/file",
                              "private",
                              "private/file",
                              "private/new",
                              "readonly/file",
                              "readonly/new",
                              "nosearch/file",
                              "nosearch/new",
                              "sticky",
                              "sticky/alice",
                              "sticky/bob",
                              "sticky/link",
                              "sticky/dir",
                              "sticky/new",
                              "setgid",
                              "setgid/file",
                              "setgid/new",
                              "groupdir/file",
                              "groupdir/new",
                              "acl",
                              "acl/file",
                              "acl/new",
                              "empty",
                              "empty/",
                              "empty/new",
                              "empty/new/",
                              "link",
                              "link/",
                              "abslink",
                              "dirlink",
                              "dirlink/",
                              "dirlink/file",
                              "dirlink/new",
                              "dangling",
                              "dangling/",
                              "loop",
                              "loop/x",
                              "missing",
                              "missing/x",
                              "file/x",
                              "fifo",
                              "null",
                              "ro",
                              "ro/file",
                              "ro/new",
                              "noexec/file",
                              "../../file"};

class Comparison : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto cage = TestCage::Create();
    ASSERT_TRUE(cage.ok()) << cage.status();
    cage_ = cage->release();
  }
  static void TearDownTestSuite() {
    delete cage_;
    cage_ = nullptr;
  }
  void SetUp() override {
    ASSERT_NE(cage_, nullptr);
    auto channel = cage_->client().NewChannel();
    ASSERT_TRUE(channel.ok());
    channel_ = std::move(channel).value();
    BuildFixture(cage_->tree());
    untouched_ = Snapshot(cage_->tree());
  }
  void TearDown() override { BuildFixture(cage_->tree()); }

  struct Seen {
    std::string words;
    std::string tree;  // empty: as before
  };
  // Looks at the tree, and mends it when it has changed. After an errno there is nothing to see;
  // what a failed call left behind would show after the next success.
  Seen Look(const PairedCall& call, std::string words) {
    if (!call.changes || words[0] == 'E') return {std::move(words), ""};
    std::string tree = Snapshot(cage_->tree());
    if (tree == untouched_) return {std::move(words), ""};
    BuildFixture(cage_->tree());
    return {std::move(words), std::move(tree)};
  }
  void Compare(const Caller& caller, NativeTask& task, const std::vector<PairedCall>& calls,
               const std::string& base, const std::string& path);

  static TestCage* cage_;
  std::unique_ptr<Channel> channel_;
  std::string untouched_;
  int compared_ = 0, succeeded_ = 0, changed_ = 0;
};
TestCage* Comparison::cage_ = nullptr;

void Comparison::Compare(const Caller& caller, NativeTask& task,
                         const std::vector<PairedCall>& calls, const std::string& base,
                         const std::string& path) {
  const auto open_base = [&] {
    return Fd(::openat(cage_->tree(), base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  };
  for (size_t index = 0; index < calls.size(); ++index) {
    if (path.empty() && calls[index].empty_is_base) continue;
    // openat2(2) gives up with EAGAIN when a rename, of whatever files, comes in between.
    auto words = task.Run(index, {open_base().get(), path});
    while (words.ok() && *words == "EAGAIN") words = task.Run(index, {open_base().get(), path});
    ASSERT_TRUE(words.ok()) << words.status();
    const Seen native = Look(calls[index], *words);
    std::string answer;
    do {
      answer = calls[index].proxied(*channel_, caller.credentials, {open_base().get(), path});
    } while (answer == "EAGAIN");
    const Seen proxied = Look(calls[index], std::move(answer));
    ++compared_;
    succeeded_ += native.words == "ok" || native.words.find(' ') != std::string::npos;
    changed_ += !native.tree.empty();
    if (native.words == proxied.words && native.tree == proxied.tree) continue;
    ADD_FAILURE() << caller.name << ": " << calls[index].name << " of \"" << path << "\" from "
                  << base << "\n  native:  " << native.words << "\n  proxied: " << proxied.words
                  << (native.tree == proxied.tree ? "" : "\n(the trees differ)\n") << native.tree
                  << (native.tree == proxied.tree ? "" : "----\n") << proxied.tree;
  }
}

TEST_F(Comparison, EqualForEveryCaller) {
  const std::vector<PairedCall> calls = AllPairedCalls();
  for (const Caller& caller : AllCallers()) {
    auto task = NativeTask::Start(*cage_, caller.credentials, calls);
    ASSERT_TRUE(task.ok()) << task.status();
    for (const char* path : kPaths) Compare(caller, **task, calls, ".", path);
    ASSERT_FALSE(channel_->broken());
  }
  std::printf("%d calls compared, %d succeeded, %d changed the tree\n", compared_, succeeded_,
              changed_);
  // The matrix must not have turned into one of failures only.
  EXPECT_GT(succeeded_, compared_ / 10);
  EXPECT_GT(changed_, compared_ / 20);
}

TEST_F(Comparison, EqualFromOtherDirectories) {
  const std::vector<PairedCall> calls = AllPairedCalls();
  for (const Caller& caller : {Of("root", 0, {}, kFileCapabilities), Of("alice", kAlice),
                               Of("bob", kBob), Of("carol in staff", kCarol, {kStaff})}) {
    auto task = NativeTask::Start(*cage_, caller.credentials, calls);
    ASSERT_TRUE(task.ok()) << task.status();
    for (const char* base : {"private", "acl", "sticky", "nosearch"}) {
      for (const char* path : {"", ".", "..", "file", "new", "../file", "/file"}) {
        Compare(caller, **task, calls, base, path);
      }
    }
  }
}

}  // namespace
}  // namespace moat::gofer
