// The configuration that `moat spec` writes: a starting point like runc's.
#ifndef MOAT_RUNTIME_SPEC_TEMPLATE_H_
#define MOAT_RUNTIME_SPEC_TEMPLATE_H_

#include <sys/types.h>

#include <string>

namespace moat::spec {

struct TemplateOptions {
  // For a user without privileges: a user namespace that maps only the caller, no own network, no
  // limits, /sys bound.
  bool rootless = false;
  uid_t uid = 0;  // the caller; used when rootless
  gid_t gid = 0;
};

// config.json as text, tab-indented as runc's, with a newline at the end.
std::string TemplateConfig(const TemplateOptions& options);

}  // namespace moat::spec

#endif  // MOAT_RUNTIME_SPEC_TEMPLATE_H_
