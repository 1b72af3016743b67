#include "sentry/net/brief_waits.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

namespace moat::sentry {
namespace {

using std::chrono::microseconds;

// Long enough that a queue that is emptied all the time is waited for in the kernel, short enough
// for a signal.
constexpr microseconds kSlice = std::chrono::milliseconds(20);

bool SetSendTimeout(const Fd& socket, microseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timeval value = {seconds.count(), (time - seconds).count()};
  return ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &value, sizeof(value)) == 0;
}

}  // namespace

microseconds SendTimeout(const Fd& socket) {
  timeval value{};
  socklen_t size = sizeof(value);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &value, &size) != 0) return {};
  return std::chrono::seconds(value.tv_sec) + microseconds(value.tv_usec);
}

Result<BriefWaits::Shortened> BriefWaits::Shorten(const Fd& socket) {
  struct stat attributes;
  if (::fstat(socket.get(), &attributes) < 0) return Errno::Last();
  absl::MutexLock lock(&mutex_);
  if (!shortened_.insert(attributes.st_ino).second) return Errno(EBUSY);
  const microseconds own = SendTimeout(socket);
  const bool is_short = own.count() > 0 && own <= kSlice;
  if (!is_short && !SetSendTimeout(socket, kSlice)) {
    const int error = errno;
    shortened_.erase(attributes.st_ino);
    return Errno(error);
  }
  return Shortened(this, socket, attributes.st_ino, own);
}

BriefWaits::Shortened::~Shortened() {
  if (waits_ == nullptr) return;
  absl::MutexLock lock(&waits_->mutex_);
  SetSendTimeout(*socket_, own_timeout_);
  waits_->shortened_.erase(inode_);
}

}  // namespace moat::sentry
