// A TCP socket that listens on a free port of 127.0.0.1.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_LOOPBACK_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_LOOPBACK_H_

#include "base/fd.h"

namespace moat::bench {

class Listener {
 public:
  Listener();
  int get() const { return socket_.get(); }
  // A connected socket, or -1 with errno.
  int Connect() const;

 private:
  Fd socket_;
  int port_ = 0;
};

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_LOOPBACK_H_
