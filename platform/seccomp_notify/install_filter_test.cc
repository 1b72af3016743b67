#include "platform/seccomp_notify/install_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "platform/seccomp_notify/notify_platform.h"

namespace moat::platform::seccomp_notify {
namespace {

const sock_filter kAllowAll[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

// Filters can't be taken off again, so each test has a child that answers with its exit code.
template <typename Function>
int InChild(Function function) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(function());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class InstallFilterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!CheckKernelSupport().ok())
      GTEST_SKIP() << "a kernel without killable seccomp notifications";
  }
};

TEST_F(InstallFilterTest, GivesAListenerThatIsCloseOnExec) {
  EXPECT_EQ(InChild([] {
              ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
              auto listener = InstallFilter(kAllowAll);
              return listener.ok() ? ::fcntl(listener->get(), F_GETFD) : 100;
            }),
            FD_CLOEXEC);
}

TEST_F(InstallFilterTest, AllowsOneListenerPerTask) {
  EXPECT_EQ(InChild([] {
              ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
              auto first = InstallFilter(kAllowAll);
              auto second = InstallFilter(kAllowAll);
              return first.ok() && !second.ok() ? second.error().value() : 100;
            }),
            EBUSY);
}

TEST_F(InstallFilterTest, RefusesProgramsOfABadLength) {
  EXPECT_EQ(InstallFilter({}).error(), Errno(EINVAL));
  const std::vector<sock_filter> long_one(BPF_MAXINSNS + 1, kAllowAll[0]);
  EXPECT_EQ(InstallFilter(long_one).error(), Errno(EINVAL));
}

TEST(NotifyPlatform, TakesOnlyAListener) {
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(Create(std::move(null), 1).ok());
  EXPECT_FALSE(Create(Fd(), 1).ok());
}

}  // namespace
}  // namespace moat::platform::seccomp_notify
