// What one thread of the sentry can say of names without a call of the gofer's.
//
// There are two ways. A name that is asked for again is remembered itself (NameCache). And a
// directory in which several names were asked for is remembered as one that the caller may search;
// then the last step of a walk into it is made here, by the very system call that looks the name up
// or shows its attributes: once for each name, so a program that goes through thousands of files
// pays no turn of the gofer's for any of them. What is not plain there (a symlink to be followed, a
// mount point, a directory that the sentry may not search) is left to the gofer.
//
// docs/adr/007-name-cache.md, docs/adr/013-last-steps.md.
#ifndef MOAT_GOFER_CLIENT_NAME_MEMORY_H_
#define MOAT_GOFER_CLIENT_NAME_MEMORY_H_

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gofer/client/client.h"
#include "gofer/client/exchange.h"
#include "gofer/client/name_cache.h"

namespace moat::gofer {

// Used by one thread, that of the exchange.
class NameMemory {
 public:
  // Whether names are resolved that are asked for often; without, only what others have had
  // resolved is known.
  enum class MayAsk { kYes, kNo };
  // `names` is shared by all channels; null: nothing is remembered. `exchange` is borrowed.
  NameMemory(Exchange& exchange, std::shared_ptr<NameCache> names, MayAsk may_ask)
      : exchange_(exchange), names_(std::move(names)), may_ask_(may_ask) {}

  // What statx(2) would answer, ENOENT included; nothing when the gofer has to be asked.
  std::optional<Outcome<struct statx>> Stat(const Credentials& credentials, const PathRef& path,
                                            Follow follow, uint32_t mask);
  // Where it leads; nothing known when the gofer has to be asked.
  Channel::Memory Find(const Credentials& credentials, const PathRef& path, Follow follow);
  // Lets go of what has changed.
  void Refresh();

 private:
  // A name and the remembered directory that it is to be looked up in.
  struct LastStep {
    std::string name;
    int directory = -1;              // -1: there is no such directory (ENOENT)
    std::shared_ptr<const Fd> held;  // what keeps it open, unless the caller does
  };

  // `before` and `current` as for NameCache::Find.
  NameCache::Found Look(const NameCache::Question& question, unsigned before, bool current = false);
  std::optional<LastStep> FindDirectory(const Credentials& credentials, const PathRef& path,
                                        bool current);
  std::optional<NameCache::Known> Resolve(const NameCache::Question& question);

  Exchange& exchange_;
  const std::shared_ptr<NameCache> names_;
  const MayAsk may_ask_;
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_CLIENT_NAME_MEMORY_H_
