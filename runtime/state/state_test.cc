#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "absl/time/clock.h"
#include "runtime/state/container_id.h"
#include "runtime/state/record.h"
#include "runtime/state/store.h"

namespace moat::state {
namespace {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/moat-state-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
    auto store = Store::Open(root_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = std::make_unique<Store>(*store);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string root_;
  std::unique_ptr<Store> store_;
};

// A child that waits to be killed; the parent reaps it.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  ~Child() { Reap(); }
  pid_t pid() const { return pid_; }
  void Kill() { ::kill(pid_, SIGKILL); }
  void WaitForZombie() {
    siginfo_t info;
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void Reap() {
    if (pid_ <= 0) return;
    Kill();
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

TEST(ContainerId, TakesWhatRuncTakes) {
  for (const char* id : {"a", "web-1", "A_b+c.d", "...", "-x", "0"}) {
    EXPECT_TRUE(CheckId(id).ok()) << id;
  }
  for (const char* id : {"", ".", "..", "a/b", "../x", "a b", "a\nb", "\xc3\xa4", "a:b"}) {
    EXPECT_FALSE(CheckId(id).ok()) << id;
  }
  EXPECT_TRUE(CheckId(std::string(255, 'a')).ok());
  EXPECT_FALSE(CheckId(std::string(256, 'a')).ok());
  EXPECT_FALSE(CheckId(absl::string_view("a\0b", 3)).ok());
}

TEST(ContainerId, RandomOnesAreValidAndDiffer) {
  EXPECT_TRUE(CheckId(RandomId("do")).ok());
  EXPECT_NE(RandomId("do"), RandomId("do"));
}

TEST(ProcessRef, RecognisesOnlyTheSameLivingProcess) {
  Child child;
  auto process = IdentifyProcess(child.pid());
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_TRUE(IsAlive(*process));
  EXPECT_FALSE(IsAlive({process->pid, process->start_time + 1}));
  EXPECT_FALSE(IsAlive({}));
  child.Kill();
  child.WaitForZombie();
  EXPECT_FALSE(IsAlive(*process)) << "a zombie counts as dead";
  child.Reap();
  EXPECT_FALSE(IsAlive(*process));
}

TEST(Record, SurvivesJson) {
  Record record;
  record.id = "c1";
  record.bundle = "/b";
  record.created = absl::FromUnixNanos(1234567890123456789);
  record.annotations = {{"k", "v"}};
  record.reached = Status::kRunning;
  record.init = {42, 7};
  record.cgroup_paths = {"/sys/fs/cgroup/x"};
  record.planned_cgroup_paths = {"/sys/fs/cgroup/y"};
  record.ephemeral = true;
  auto back = FromJson(ToJson(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(ToJson(*back), ToJson(record));
  EXPECT_FALSE(FromJson("{}").ok());
  EXPECT_FALSE(FromJson("").ok());
}

TEST_F(StoreTest, CreatesReadsAndRemoves) {
  auto entry = store_->Create("c1");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(store_->Read("c1").status().code(), absl::StatusCode::kNotFound);
  Record record;
  record.id = "c1";
  record.created = absl::Now();
  ASSERT_TRUE(entry->Write(record).ok());
  EXPECT_EQ(store_->Read("c1")->id, "c1");
  EXPECT_EQ(*store_->Ids(), std::vector<std::string>{"c1"});
  EXPECT_EQ(store_->Create("c1").status().code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(entry->Remove().ok());
  EXPECT_EQ(store_->Lock("c1").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store_->Ids()->empty());
}

TEST_F(StoreTest, OneCommandAtATime) {
  auto entry = std::make_unique<absl::StatusOr<Entry>>(store_->Create("c1"));
  ASSERT_TRUE(entry->ok());
  EXPECT_EQ(store_->TryLock("c1").status().code(), absl::StatusCode::kUnavailable);
  entry.reset();
  EXPECT_TRUE(store_->TryLock("c1").ok());
}

TEST_F(StoreTest, WhoeverWaitsForADeletedContainerIsTold) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  // The holder deletes while this process waits for the lock.
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto entry = store_->Create("c1");
    [[maybe_unused]] const ssize_t told = ::write(ready[1], "x", 1);
    ::usleep(50 * 1000);
    ::_exit(entry.ok() && entry->Remove().ok() ? 0 : 1);
  }
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(store_->Lock("c1").status().code(), absl::StatusCode::kNotFound);
  int status = -1;
  ::waitpid(holder, &status, 0);
  EXPECT_EQ(status, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(StoreTest, RemovesOnlyWhatIsUnfinished) {
  const auto make = [this](const std::string& id, mode_t mode) {
    ASSERT_EQ(::mkdir(store_->Directory(id).c_str(), mode), 0);
  };
  make("unfinished", 0700);
  { std::ofstream(store_->Directory("unfinished") + "/state.json.new") << "{"; }
  make("not-ours", 0755);
  make("full", 0700);
  { std::ofstream(store_->Directory("full") + "/something") << "else"; }
  const auto in_use = store_->Create("in-use");
  ASSERT_TRUE(in_use.ok());
  for (const std::string id : {"unfinished", "not-ours", "full", "in-use", "absent"}) {
    store_->RemoveUnfinished(id);
  }
  EXPECT_THAT(store_->Ids().value(), testing::ElementsAre("full", "in-use", "not-ours"));
}

TEST_F(StoreTest, RefusesBadRootsAndIds) {
  EXPECT_FALSE(Store::Open("/").ok());
  EXPECT_FALSE(Store::Open("//").ok());
  EXPECT_FALSE(Store::Open("/tmp/..").ok());
  EXPECT_FALSE(Store::Open("/tmp").ok()) << "others may write to it";
  EXPECT_FALSE(store_->Create("../c1").ok());
  EXPECT_FALSE(store_->Read("..").ok());
}

TEST_F(StoreTest, StatusFollowsTheProcess) {
  Child child;
  Record record;
  record.reached = Status::kCreated;
  record.init = *IdentifyProcess(child.pid());
  EXPECT_EQ(CurrentStatus(record), Status::kCreated);
  record.reached = Status::kRunning;
  EXPECT_EQ(CurrentStatus(record), Status::kRunning);
  child.Reap();
  EXPECT_EQ(CurrentStatus(record), Status::kStopped);
  record.reached = Status::kCreating;
  record.creator = *IdentifyProcess(::getpid());
  EXPECT_EQ(CurrentStatus(record), Status::kCreating);
}

}  // namespace
}  // namespace moat::state
