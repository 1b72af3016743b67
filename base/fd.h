// Ownership of file descriptors.
//
// A raw int descriptor lives only on the line of a system call; everywhere else it is an Fd. Not
// thread-safe; move-only.
#ifndef MOAT_BASE_FD_H_
#define MOAT_BASE_FD_H_

#include <unistd.h>

#include <utility>

namespace moat {

class Fd {
 public:
  Fd() = default;
  // Takes ownership of `fd`; a negative number is "none".
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.Release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }

  // Gives the descriptor up without closing it.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }

  // Closes what is held (never retried: Linux frees the number even on EINTR, close(2)) and takes
  // `fd`.
  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace moat

#endif  // MOAT_BASE_FD_H_
