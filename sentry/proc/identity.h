// What an open file of the tree is recognised by.
#ifndef MOAT_SENTRY_PROC_IDENTITY_H_
#define MOAT_SENTRY_PROC_IDENTITY_H_

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <compare>
#include <cstdint>

namespace moat::sentry {

struct FileIdentity {
  uint64_t device = 0;  // encoded as st_dev
  uint64_t inode = 0;
  // Of a sealed file: its modification time, since inode numbers of memfds come around again.
  int64_t modified_ns = 0;

  static FileIdentity Of(const struct stat& attributes) {
    return {attributes.st_dev, attributes.st_ino, 0};
  }
  static FileIdentity Of(const struct statx& attributes) {
    return {makedev(attributes.stx_dev_major, attributes.stx_dev_minor), attributes.stx_ino, 0};
  }
  static FileIdentity OfSealed(const struct stat& attributes) {
    FileIdentity identity = Of(attributes);
    identity.modified_ns = Nanoseconds(attributes.st_mtim.tv_sec, attributes.st_mtim.tv_nsec);
    return identity;
  }
  static FileIdentity OfSealed(const struct statx& attributes) {
    FileIdentity identity = Of(attributes);
    identity.modified_ns = Nanoseconds(attributes.stx_mtime.tv_sec, attributes.stx_mtime.tv_nsec);
    return identity;
  }

  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;

 private:
  // Wraps around for absurd times, which only makes a file unknown.
  static int64_t Nanoseconds(int64_t seconds, int64_t nanoseconds) {
    return static_cast<int64_t>(static_cast<uint64_t>(seconds) * 1'000'000'000u +
                                static_cast<uint64_t>(nanoseconds));
  }
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_IDENTITY_H_
