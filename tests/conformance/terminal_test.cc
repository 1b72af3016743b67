// Terminals: ptmx, pts, controlling terminals, line discipline, job control.
#include <asm/ioctls.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Terminal : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    master_.Reset(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(master_.valid()) << NameOfErrno(errno);
    ASSERT_SUCCESS(grantpt(master_.get()));
    ASSERT_SUCCESS(unlockpt(master_.get()));
    char name[64];
    ASSERT_EQ(0, ptsname_r(master_.get(), name, sizeof name));
    name_ = name;
  }
  int master() const { return master_.get(); }
  const std::string& name() const { return name_; }
  Fd Slave(int flags = O_NOCTTY) const {
    return Fd(open(name_.c_str(), O_RDWR | O_CLOEXEC | flags));
  }
  // In a session of its own, without a terminal.
  int InSession(const std::function<int()>& body) {
    return InChild([&] { return setsid() == -1 ? 199 : body(); });
  }
  void CloseMaster() { master_.Reset(); }

 private:
  Fd master_;
  std::string name_;
};

std::string Read(int fd) {
  char bytes[256];
  const ssize_t n = read(fd, bytes, sizeof bytes);
  return n < 0 ? NameOfErrno(errno) : std::string(bytes, static_cast<size_t>(n));
}

TEST_F(Terminal, SlaveHasItsNameInDevPts) {
  EXPECT_EQ(0u, name().find("/dev/pts/"));
  EXPECT_TRUE(S_ISCHR(StatOf(name()).st_mode));
  int number = -1;
  ASSERT_SUCCESS(ioctl(master(), TIOCGPTN, &number));
  EXPECT_EQ("/dev/pts/" + std::to_string(number), name());
}
TEST_F(Terminal, LockedSlaveIsEio) {
  Fd other(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  int number = -1;
  ASSERT_SUCCESS(ioctl(other.get(), TIOCGPTN, &number));
  EXPECT_ERRNO(EIO, open(("/dev/pts/" + std::to_string(number)).c_str(), O_RDWR | O_NOCTTY));
}
TEST_F(Terminal, SlaveVanishesWithItsMaster) {
  CloseMaster();
  EXPECT_FALSE(Exists(name()));
}
TEST_F(Terminal, BothAreTerminals) {
  Fd slave = Slave();
  EXPECT_EQ(1, isatty(master()));
  EXPECT_EQ(1, isatty(slave.get()));
  WriteFile("file");
  EXPECT_EQ(0, isatty(Fd(open("file", O_RDONLY)).get()));
}
TEST_F(Terminal, TtynameOfTheSlave) {
  Fd slave = Slave();
  char found[64];
  ASSERT_EQ(0, ttyname_r(slave.get(), found, sizeof found));
  EXPECT_EQ(name(), found);
}
TEST_F(Terminal, PeerIsOpenedWithoutAName) {
  Fd slave(ioctl(master(), TIOCGPTPEER, O_RDWR | O_NOCTTY));
  ASSERT_TRUE(slave.valid()) << NameOfErrno(errno);
  EXPECT_EQ(1, isatty(slave.get()));
}
TEST_F(Terminal, LineIsReadWhenItEnds) {
  Fd slave = Slave();
  ASSERT_EQ(4, write(master(), "abc\n", 4));
  EXPECT_EQ("abc\n", Read(slave.get()));
}
TEST_F(Terminal, EchoComesBack) {
  Fd slave = Slave();
  ASSERT_EQ(2, write(master(), "a\n", 2));
  EXPECT_EQ("a\r\n", Read(master()));
}
TEST_F(Terminal, EraseTakesACharacterBack) {
  Fd slave = Slave();
  ASSERT_EQ(5, write(master(), "ab\177c\n", 5));
  EXPECT_EQ("ac\n", Read(slave.get()));
}
TEST_F(Terminal, EndOfFileCharacterEndsTheInput) {
  Fd slave = Slave();
  ASSERT_EQ(1, write(master(), "\4", 1));
  EXPECT_EQ("", Read(slave.get()));
}
TEST_F(Terminal, RawModePassesEverything) {
  Fd slave = Slave();
  termios mode{};
  ASSERT_SUCCESS(tcgetattr(slave.get(), &mode));
  cfmakeraw(&mode);
  ASSERT_SUCCESS(tcsetattr(slave.get(), TCSANOW, &mode));
  ASSERT_EQ(3, write(master(), "\3\4x", 3));
  EXPECT_EQ("\3\4x", Read(slave.get()));
}
TEST_F(Terminal, AttributesAreKept) {
  Fd slave = Slave();
  termios mode{}, again{};
  ASSERT_SUCCESS(tcgetattr(slave.get(), &mode));
  mode.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  cfsetispeed(&mode, B9600);
  cfsetospeed(&mode, B9600);
  ASSERT_SUCCESS(tcsetattr(slave.get(), TCSADRAIN, &mode));
  ASSERT_SUCCESS(tcgetattr(slave.get(), &again));
  EXPECT_EQ(0u, again.c_lflag & ECHO);
  EXPECT_EQ(static_cast<speed_t>(B9600), cfgetospeed(&again));
}
TEST_F(Terminal, WindowSizeIsSharedAndSignalled) {
  Fd slave = Slave();
  const winsize size{25, 81, 0, 0};
  ASSERT_SUCCESS(ioctl(master(), TIOCSWINSZ, &size));
  winsize read_back{};
  ASSERT_SUCCESS(ioctl(slave.get(), TIOCGWINSZ, &read_back));
  EXPECT_EQ(81, read_back.ws_col);
  EXPECT_EQ(25, read_back.ws_row);
}
TEST_F(Terminal, PendingBytesAreCounted) {
  Fd slave = Slave();
  ASSERT_EQ(4, write(master(), "abc\n", 4));
  pollfd arrived{slave.get(), POLLIN, 0};  // a worker of the kernel carries them over
  ASSERT_EQ(1, poll(&arrived, 1, 5000));
  int pending = 0;
  ASSERT_SUCCESS(ioctl(slave.get(), FIONREAD, &pending));
  EXPECT_EQ(4, pending);
  ASSERT_SUCCESS(tcflush(slave.get(), TCIFLUSH));
  ASSERT_SUCCESS(ioctl(slave.get(), FIONREAD, &pending));
  EXPECT_EQ(0, pending);
}
TEST_F(Terminal, LockedModeIsTold) {
  Fd slave = Slave();
  termios locked{};
  locked.c_lflag = 1;
  EXPECT_SUCCESS(ioctl(slave.get(), TIOCGLCKTRMIOS, &locked));
  EXPECT_EQ(0u, locked.c_lflag);
}
TEST_F(Terminal, HangUpIsEioForTheMaster) {
  Slave().Reset();
  EXPECT_EQ("EIO", Read(master()));
}
TEST_F(Terminal, RequestsOfTerminalsAreEnottyElsewhere) {
  WriteFile("file");
  Fd file(open("file", O_RDONLY | O_CLOEXEC));
  termios mode{};
  winsize size{};
  EXPECT_ERRNO(ENOTTY, tcgetattr(file.get(), &mode));
  EXPECT_ERRNO(ENOTTY, ioctl(file.get(), TIOCGWINSZ, &size));
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_CLOEXEC));
  EXPECT_ERRNO(ENOTTY, tcgetattr(ends[0], &mode));
  close(ends[0]);
  close(ends[1]);
}

TEST_F(Terminal, NoControllingTerminalIsEnxio) {
  EXPECT_CHILD_ERRNO(ENXIO, InSession([] { return ErrnoOf(open("/dev/tty", O_RDWR)); }));
}
TEST_F(Terminal, OpenMakesItTheControllingOne) {
  EXPECT_CHILD_ERRNO(0, InSession([&] {
                       Fd slave = Slave(0);
                       if (!slave.valid()) return 198;
                       return ErrnoOf(open("/dev/tty", O_RDWR));
                     }));
}
TEST_F(Terminal, NocttyDoesNot) {
  EXPECT_CHILD_ERRNO(ENXIO, InSession([&] {
                       Fd slave = Slave(O_NOCTTY);
                       return ErrnoOf(open("/dev/tty", O_RDWR));
                     }));
}
TEST_F(Terminal, OpenByAnotherThanTheLeaderDoesNot) {
  EXPECT_CHILD_ERRNO(ENXIO, InSession([&] {
                       return InChild([&] {
                         Fd slave = Slave(0);
                         return ErrnoOf(open("/dev/tty", O_RDWR));
                       });
                     }));
}
TEST_F(Terminal, TiocscttyMakesIt) {
  EXPECT_CHILD_ERRNO(0, InSession([&] {
                       Fd slave = Slave();
                       if (ioctl(slave.get(), TIOCSCTTY, 0) != 0) return errno;
                       return ErrnoOf(open("/dev/tty", O_RDWR));
                     }));
}
TEST_F(Terminal, TiocscttyOfAnothersTerminalIsEperm) {
  EXPECT_CHILD_ERRNO(EPERM, InSession([&] {
                       Fd slave = Slave(0);
                       return InChild([&] {
                         setsid();
                         return ErrnoOf(ioctl(slave.get(), TIOCSCTTY, 0));
                       });
                     }));
}
TEST_F(Terminal, TiocnottyGivesItUp) {
  EXPECT_CHILD_ERRNO(ENXIO, InSession([&] {
                       signal(SIGHUP, SIG_IGN);
                       Fd slave = Slave(0);
                       if (ioctl(slave.get(), TIOCNOTTY) != 0) return 198;
                       return ErrnoOf(open("/dev/tty", O_RDWR));
                     }));
}
TEST_F(Terminal, DevTtyIsTheTerminal) {
  EXPECT_EQ(0, InSession([&] {
              Fd slave = Slave(0);
              Fd tty(open("/dev/tty", O_RDWR | O_CLOEXEC));
              return write(tty.get(), "hi", 2) == 2 && Read(master()) == "hi" ? 0 : 1;
            }));
}
TEST_F(Terminal, ForegroundGroupIsTheLeaders) {
  EXPECT_EQ(0, InSession([&] {
              Fd slave = Slave(0);
              return tcgetpgrp(slave.get()) == getpgrp() && tcgetsid(slave.get()) == getpid() ? 0
                                                                                              : 1;
            }));
}
TEST_F(Terminal, ForegroundGroupOfAStrangersTerminalIsEnotty) {
  Fd slave = Slave();
  EXPECT_ERRNO(ENOTTY, tcgetpgrp(slave.get()));
}
TEST_F(Terminal, ForegroundGroupIsMoved) {
  EXPECT_EQ(0, InSession([&] {
              Fd slave = Slave(0);
              signal(SIGTTOU, SIG_IGN);
              const pid_t child = fork();
              if (child == 0) {
                for (;;) pause();
              }
              setpgid(child, child);
              const bool moved =
                  tcsetpgrp(slave.get(), child) == 0 && tcgetpgrp(slave.get()) == child;
              kill(child, SIGKILL);
              waitpid(child, nullptr, 0);
              return moved ? 0 : 1;
            }));
}
TEST_F(Terminal, InterruptCharacterSignalsTheForeground) {
  EXPECT_EQ(1000 + SIGINT, InSession([&] {
              signal(SIGINT, SIG_DFL);
              Fd slave = Slave(0);
              if (write(master(), "\3", 1) != 1) return 1;
              sleep(5);
              return 2;
            }));
}
TEST_F(Terminal, ReadingInTheBackgroundIsSigttin) {
  EXPECT_EQ(SIGTTIN, InSession([&] {
              Fd slave = Slave(0);
              const pid_t child = fork();
              if (child == 0) {
                setpgid(0, 0);
                Read(slave.get());
                _exit(0);
              }
              int status = 0;
              waitpid(child, &status, WUNTRACED);
              kill(child, SIGKILL);
              waitpid(child, nullptr, 0);
              return WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
            }));
}
TEST_F(Terminal, HangUpOfTheMasterSignalsTheLeader) {
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_CLOEXEC));
  const pid_t child = fork();
  if (child == 0) {
    CloseMaster();
    setsid();
    Fd slave = Slave(0);
    if (write(ends[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte;
  ASSERT_EQ(1, read(ends[0], &byte, 1));
  CloseMaster();
  int status = 0;
  EXPECT_EQ(child, waitpid(child, &status, 0));
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(SIGHUP, WTERMSIG(status));
  close(ends[0]);
  close(ends[1]);
}
TEST_F(Terminal, ProcStatTellsTheTerminal) {
  EXPECT_EQ(0, InSession([&] {
              Fd slave = Slave(0);
              const std::string stat = ReadFile("/proc/self/stat");
              const size_t end = stat.rfind(')');
              int ppid, group, session, tty;
              if (sscanf(stat.c_str() + end + 4, "%d %d %d %d", &ppid, &group, &session, &tty) != 4)
                return 1;
              const auto expected = static_cast<int>(StatOf(name()).st_rdev);
              return session == getpid() && tty == expected ? 0 : 2;
            }));
}
TEST_F(Terminal, ProcSelfFdNamesTheSlave) {
  Fd slave = Slave();
  char target[64] = {};
  ASSERT_GT(readlink(("/proc/self/fd/" + std::to_string(slave.get())).c_str(), target, 63), 0);
  EXPECT_EQ(name(), target);
}
TEST_F(Terminal, ReopenThroughProc) {
  Fd slave = Slave();
  Fd again(open(("/proc/self/fd/" + std::to_string(slave.get())).c_str(), O_RDWR | O_NOCTTY));
  EXPECT_EQ(1, isatty(again.get()));
}

}  // namespace
}  // namespace moat::conformance
