// The rounds in which processes meet in the same folder.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/fd.h"
#include "tests/storm/storm.h"

namespace moat::storm {
namespace {

constexpr int kLength = 3000;

std::string Name(const char* kind, int number) { return kind + std::to_string(number); }
// A text that shows whether it is whole, and of which slot.
std::string Text(int slot, int writer) {
  char head[32];
  snprintf(head, sizeof head, "%04d %06d ", slot, writer);
  std::string text = head;
  while (text.size() < kLength) text += static_cast<char>('a' + writer % 26);
  return text;
}
void Write(const std::string& path, const std::string& text) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  Require(file.valid(), "create " + path);
  Require(write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()),
          "write " + path);
}
std::string Read(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Require(file.valid(), "open " + path);
  std::string text(2 * kLength, '\0');
  const ssize_t n = read(file.get(), text.data(), text.size());
  Require(n >= 0, "read " + path);
  text.resize(static_cast<size_t>(n));
  return text;
}
void RequireText(const std::string& text, int slot, const std::string& path) {
  int found = -1, writer = -1;
  errno = 0;
  Require(sscanf(text.c_str(), "%d %d", &found, &writer) == 2, path + " holds something else");
  Require(found == slot, path + " holds the file of another slot");
  Require(text == Text(slot, writer), path + " is not whole");
}
int BindTo(const Fd& fd, const std::string& path, decltype(&connect) call) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return call(fd.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)),
              sizeof address);
}

}  // namespace

void MakeArena() {
  for (const char* folder : {"replace", "exchange", "links", "locks", "moving", "sockets", "own"}) {
    Require(mkdir(folder, 0755) == 0, folder);
  }
  for (int slot = 0; slot < kSlots; ++slot) {
    Write(Name("replace/", slot), Text(slot, 0));
    Write(Name("exchange/a", slot), Text(2 * slot, 0));
    Write(Name("exchange/b", slot), Text(2 * slot + 1, 0));
    Require(mkdir(Name("moving/", slot).c_str(), 0755) == 0, "moving");
    Write(Name("moving/", slot) + "/inside", Text(slot, 0));
  }
  for (int which = 0; which < 2; ++which) {
    Require(mkdir(Name("links/folder", which).c_str(), 0755) == 0, "links");
    Write(Name("links/folder", which) + "/name", Text(which, 0));
  }
  for (int slot = 0; slot < kSlots; ++slot)
    Require(symlink("folder0", Name("links/", slot).c_str()) == 0, "link");
}

void ReplaceRound(Player& player) {
  const int slot = player.Below(kSlots);
  const std::string path = Name("replace/", slot);
  if (player.Below(3) == 0) {
    const std::string own = Name("replace/new", player.number);
    Write(own, Text(slot, player.number));
    Require(rename(own.c_str(), path.c_str()) == 0, "rename over " + path);
    struct stat attributes;
    Require(lstat(own.c_str(), &attributes) == -1 && errno == ENOENT, own + " is still there");
    return;
  }
  RequireText(Read(path), slot, path);
  struct stat attributes;
  Require(stat(path.c_str(), &attributes) == 0, "stat " + path);
  Require(attributes.st_size == kLength, "size of " + path);
  Require(access(path.c_str(), R_OK) == 0, "access " + path);
}

void ExchangeRound(Player& player) {
  const int slot = player.Below(kSlots);
  const std::string a = Name("exchange/a", slot), b = Name("exchange/b", slot);
  if (player.Below(3) == 0) {
    Require(renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0, "exchange");
    return;
  }
  const std::string path = player.Below(2) == 0 ? a : b;
  const std::string text = Read(path);
  errno = 0;
  Require(text == Text(2 * slot, 0) || text == Text(2 * slot + 1, 0),
          path + " is neither of the two");
}

void LinkRound(Player& player) {
  const std::string link = Name("links/", player.Below(kSlots));
  if (player.Below(3) == 0) {
    const std::string own = Name("links/new", player.number);
    const std::string target = Name("folder", player.Below(2));
    Require(symlink(target.c_str(), own.c_str()) == 0, "symlink");
    Require(rename(own.c_str(), link.c_str()) == 0, "rename over a link");
    return;
  }
  char target[64] = {};
  const ssize_t n = readlink(link.c_str(), target, sizeof target);
  Require(n == 7 && (std::string(target) == "folder0" || std::string(target) == "folder1"),
          "readlink " + link);
  const std::string text = Read(link + "/name");
  errno = 0;
  Require(text == Text(0, 0) || text == Text(1, 0), link + " leads elsewhere");
}

void LockRound(Player& player) {
  const int slot = player.Below(kSlots);
  const std::string lock = Name("locks/", slot);
  const int way = slot % 3;  // one way for each lock
  bool got = false;
  if (way == 0) {
    got = Fd(open(lock.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)).valid();
  } else if (way == 1) {
    got = mkdir(lock.c_str(), 0755) == 0;
  } else {
    got = symlink("held", lock.c_str()) == 0;
  }
  if (!got) {
    Require(errno == EEXIST, "taking " + lock);
    return;
  }
  errno = 0;
  Require(player.shared.holders[slot].fetch_add(1) == 0, lock + " is held twice");
  struct stat attributes;
  Require(lstat(lock.c_str(), &attributes) == 0, "stat of the held " + lock);
  player.shared.holders[slot].fetch_sub(1);
  Require((way == 1 ? rmdir : unlink)(lock.c_str()) == 0, "releasing " + lock);
}

void MovingRound(Player& player) {
  const int slot = player.Below(kSlots);
  const std::string name = Name("moving/", slot);
  if (player.Below(2) == 0) {
    // Away and back: others may see it in neither place only through a name, never through a
    // handle.
    const std::string away = name + "away";
    if (rename(name.c_str(), away.c_str()) == 0) {
      Require(rename(away.c_str(), name.c_str()) == 0, "moving back " + name);
    } else {
      Require(errno == ENOENT, "moving " + name);
    }
    return;
  }
  Fd base(open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base.valid()) {
    Require(errno == ENOENT, "open " + name);
    return;
  }
  Fd home(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 5; ++i) {
    Require(Fd(openat(base.get(), "inside", O_RDONLY | O_CLOEXEC)).valid(),
            "openat from a moving folder");
  }
  Require(fchdir(base.get()) == 0, "fchdir to a moving folder");
  RequireText(Read("inside"), slot, "inside");
  Require(access("../..", X_OK) == 0, "dot dot of a moving folder");
  char path[4096] = {};
  Require(getcwd(path, sizeof path) != nullptr, "getcwd of a moving folder");
  const std::string told = path;
  errno = 0;
  const std::string end = "/" + std::to_string(slot);
  const auto ends_with = [&](const std::string& tail) {
    return told.size() >= tail.size() &&
           told.compare(told.size() - tail.size(), tail.size(), tail) == 0;
  };
  Require(ends_with("/moving" + end) || ends_with("/moving" + end + "away"),
          "getcwd tells " + told);
  Require(fchdir(home.get()) == 0, "fchdir home");
}

void SocketRound(Player& player) {
  const std::string own = Name("sockets/", player.number);
  Fd server(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const std::string next = own + "new";
  Require(BindTo(server, next, bind) == 0, "bind " + next);
  Require(rename(next.c_str(), own.c_str()) == 0, "rename of a socket");
  Fd client(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Require(BindTo(client, own, connect) == 0, "connect " + own);
  Require(send(client.get(), own.data(), own.size(), 0) == static_cast<ssize_t>(own.size()),
          "send");
  char bytes[64] = {};
  Require(recv(server.get(), bytes, sizeof bytes, MSG_DONTWAIT) == static_cast<ssize_t>(own.size()),
          "receive");
  errno = 0;
  Require(own == bytes, "another's datagram arrived");
}

}  // namespace moat::storm
