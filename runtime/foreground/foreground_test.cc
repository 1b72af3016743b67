#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/fd.h"
#include "runtime/foreground/ending.h"
#include "runtime/foreground/pty_proxy.h"
#include "runtime/foreground/signal_names.h"
#include "runtime/foreground/supervisor.h"

namespace moat::foreground {
namespace {

struct Child {
  pid_t pid;
  Fd pidfd;
};

Child Fork(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::_exit(body());
  }
  return {pid, Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)))};
}

int WaitForever() {
  for (;;) ::pause();
}

// A stand-in for a container: three processes, of which sentry and gofer end as told.
absl::StatusOr<Ending> SuperviseThree(const std::function<int()>& init, Supervised options = {},
                                      const std::function<void(pid_t)>& while_running = {}) {
  auto signals = SignalCatcher::Create();
  if (!signals.ok()) return signals.status();
  const Child init_child = Fork(init), sentry = Fork([] { return 0; }),
              gofer = Fork([] { return 0; });
  options.id = "c1";
  options.init_pid = init_child.pid;
  options.init_pidfd = init_child.pidfd.get();
  options.sentry_pidfd = sentry.pidfd.get();
  options.gofer_pidfd = gofer.pidfd.get();
  if (while_running) while_running(init_child.pid);
  return Supervise(options, *signals);
}

TEST(SignalNames, NamesAndNumbers) {
  EXPECT_EQ(*ParseSignal("9"), SIGKILL);
  EXPECT_EQ(*ParseSignal("KILL"), SIGKILL);
  EXPECT_EQ(*ParseSignal("SIGTERM"), SIGTERM);
  EXPECT_EQ(*ParseSignal("sigusr1"), SIGUSR1);
  EXPECT_EQ(*ParseSignal("RTMIN+3"), SIGRTMIN + 3);
  EXPECT_EQ(*ParseSignal("SIGRTMAX-1"), SIGRTMAX - 1);
  EXPECT_EQ(*ParseSignal("64"), 64);
  for (const char* bad : {"", "0", "65", "-1", "SIG", "FOO", "RTMIN-1", "RTMAX+1", "9x"}) {
    EXPECT_FALSE(ParseSignal(bad).ok()) << bad;
  }
  EXPECT_EQ(SignalName(SIGKILL), "SIGKILL");
}

TEST(Ending, TellsTheCauseFromItsEffect) {
  const ExitStatus clean{}, killed{true, SIGKILL}, failed{false, 1};
  EXPECT_EQ(SupervisorFault("c1", clean, clean), "");
  EXPECT_EQ(SupervisorFault("c1", clean, killed), "") << "the sentry ends the gofer";
  EXPECT_EQ(SupervisorFault("c1", killed, killed),
            "the sentry of container c1 was killed by signal 9 (SIGKILL); the container has been "
            "ended");
  EXPECT_EQ(SupervisorFault("c1", failed, killed),
            "the gofer of container c1 was killed by signal 9 (SIGKILL); the container has been "
            "ended");
  EXPECT_EQ(SupervisorFault("c1", failed, clean),
            "the sentry of container c1 ended with exit code 1; the container has been ended");
  EXPECT_EQ(SupervisorFault("c1", failed, {{true, SIGSYS}}),
            "the gofer of container c1 was killed by its own system call filter (the kernel's log "
            "names the call); the container has been ended");
  EXPECT_EQ((ExitStatus{true, 15}).ShellCode(), 143);
}

TEST(Supervisor, ReturnsTheExitCode) {
  auto ending = SuperviseThree([] { return 42; });
  ASSERT_TRUE(ending.ok()) << ending.status();
  EXPECT_EQ(ending->init.ShellCode(), 42);
  EXPECT_EQ(ending->fault, "");
}

TEST(Supervisor, PassesSignalsOn) {
  auto ending = SuperviseThree(WaitForever, {}, [](pid_t) { ::raise(SIGUSR1); });
  ASSERT_TRUE(ending.ok()) << ending.status();
  EXPECT_EQ(ending->init.ShellCode(), 128 + SIGUSR1);
}

TEST(Supervisor, EndsWhatIgnoresSignalsAsPidOneOnly) {
  Supervised options;
  options.end_on_default_action = true;
  auto ending = SuperviseThree(WaitForever, options, [](pid_t) { ::raise(SIGTERM); });
  ASSERT_TRUE(ending.ok()) << ending.status();
  EXPECT_EQ(ending->init.ShellCode(), 128 + SIGTERM);
}

TEST(Supervisor, TimeOutKillsEvenWhoIgnoresTerm) {
  Supervised options;
  options.timeout = absl::Milliseconds(100);
  auto ending = SuperviseThree(
      [] {
        ::signal(SIGTERM, SIG_IGN);
        return WaitForever();
      },
      options);
  ASSERT_TRUE(ending.ok()) << ending.status();
  EXPECT_TRUE(ending->timed_out);
  EXPECT_EQ(ending->init.ShellCode(), 128 + SIGKILL);
}

TEST(PtyProxy, CopiesBothWaysAndDrains) {
  Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(master);
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  int in[2], out[2];
  ASSERT_EQ(::pipe2(in, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
  auto proxy = PtyProxy::Create(in[0], out[1], master.get());
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  Fd slave(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY));
  ASSERT_TRUE(slave);

  const auto turn = [&] {
    auto polled = proxy->Wanted();
    ::poll(polled.data(), polled.size(), 200);
    proxy->Handle(polled);
  };
  ASSERT_EQ(::write(in[1], "typed\n", 6), 6);
  for (int i = 0; i < 3; ++i) turn();
  char buffer[64] = {};
  EXPECT_EQ(::read(slave.get(), buffer, sizeof(buffer)), 6);
  EXPECT_STREQ(buffer, "typed\n");

  ASSERT_EQ(::write(slave.get(), "last words", 10), 10);
  slave.Reset();
  proxy->Finish();
  for (int i = 0; i < 10 && !proxy->done(); ++i) turn();
  EXPECT_TRUE(proxy->done());
  const ssize_t got = ::read(out[0], buffer, sizeof(buffer));
  ASSERT_GT(got, 0);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(got)), "typed\r\nlast words");
  for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
}

}  // namespace
}  // namespace moat::foreground
