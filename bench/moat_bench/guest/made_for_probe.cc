// The insides of containers that a probe on the host made for one question.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <set>

#include "base/fd.h"
#include "bench/moat_bench/guest/escape.h"
#include "bench/moat_bench/guest/look.h"
#include "bench/moat_bench/guest/socket_address.h"

namespace moat::bench {
namespace {

// What /proc says of the program that a process runs, if it is none of this file's own.
std::string ProgramOf(const std::string& pid) {
  const std::string path = "/proc/" + pid + "/exe";
  struct stat program, own;
  if (stat(path.c_str(), &program) == -1 || stat("/proc/self/exe", &own) == -1) return "";
  if (program.st_dev == own.st_dev && program.st_ino == own.st_ino) return "";
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const int seals = file.valid() ? fcntl(file.get(), F_GET_SEALS) : -1;
  // Not by opening it: a program that runs says ETXTBSY, whether it could be written afterwards or
  // not.
  const int writable = faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS);
  return std::to_string(program.st_dev) + " " + std::to_string(program.st_ino) + " seals " +
         std::to_string(seals) + " write " + (writable == 0 ? "allowed" : NameOfErrno(errno)) +
         " " + LinkOf(path);
}

}  // namespace

int ReadFileProbe(const std::string& path) {
  std::string fault;
  const std::string text = Contents(path, 256, &fault);
  std::printf("%s\n", fault.empty() ? text.c_str() : fault.c_str());
  return 0;
}

int KindProbe(const std::string& path, const std::string& result) {
  struct stat attributes;
  const bool there = stat(path.c_str(), &attributes) == 0;
  const std::string text = !there                        ? NameOfErrno(errno)
                           : S_ISCHR(attributes.st_mode) ? "device"
                                                         : "file";
  const Fd file(open(result.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  return write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1;
}

int FindMarker(const std::string& name) {
  std::string folder = ".";
  for (int level = 0; level < 32; ++level, folder += "/..") {
    const std::string path = folder + "/" + name;
    if (access(path.c_str(), F_OK) == 0) {
      std::printf("found %s\n", path.c_str());
      return 0;
    }
  }
  char cwd[4096];
  std::printf("not found, cwd %s\n",
              getcwd(cwd, sizeof cwd) == nullptr ? NameOfErrno(errno).c_str() : cwd);
  return 0;
}

int ConnectProbe(const std::string& kind, const std::string& name) {
  const Fd end(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int error = ConnectUnix(end.get(), kind == "abstract", name);
  std::printf("%s\n", error == 0 ? "connected" : NameOfErrno(error).c_str());
  return 0;
}

int WatchPrograms(int seconds) {
  std::set<std::string> seen;
  std::printf("watching\n");
  std::fflush(stdout);
  for (const time_t end = time(nullptr) + seconds; time(nullptr) < end;) {
    for (const std::string& name : NamesIn("/proc")) {
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string program = ProgramOf(name);
      if (program.empty() || !seen.insert(program).second) continue;
      std::printf("program %s\n", program.c_str());
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace moat::bench
