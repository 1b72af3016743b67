#include "policies/container/policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace moat::policies {
namespace {

void TakeSmaller(std::optional<int64_t>& limit, const std::optional<int64_t>& other) {
  if (other) limit = limit ? std::min(*limit, *other) : *other;
}

std::string CallNames(const CallRule& rule) {
  return absl::StrJoin(rule.calls, " ", [](std::string* out, const CallRule::Name& name) {
    absl::StrAppend(out, name.text);
  });
}

}  // namespace

const Egress* Policy::egress() const {
  for (const Layer& layer : layers) {
    if (layer.egress) return &*layer.egress;
  }
  return nullptr;
}

const Egress* Policy::listen() const {
  for (const Layer& layer : layers) {
    if (layer.listen) return &*layer.listen;
  }
  return nullptr;
}

const Devices* Policy::devices() const {
  for (const Layer& layer : layers) {
    if (layer.devices) return &*layer.devices;
  }
  return nullptr;
}

const std::vector<ExecRule>* Policy::exec() const {
  for (const Layer& layer : layers) {
    if (layer.exec) return &*layer.exec;
  }
  return nullptr;
}

Limits Policy::limits() const {
  Limits limits;
  for (const Layer& layer : layers) {
    TakeSmaller(limits.memory, layer.limits.memory);
    TakeSmaller(limits.pids, layer.limits.pids);
    TakeSmaller(limits.open_files, layer.limits.open_files);
    TakeSmaller(limits.file_size, layer.limits.file_size);
  }
  return limits;
}

std::vector<FileRule> Policy::files() const {
  std::vector<FileRule> files;
  for (const Layer& layer : layers) {
    files.insert(files.end(), layer.files.begin(), layer.files.end());
  }
  return files;
}

std::vector<std::string> Policy::Loosened() const {
  std::vector<std::string> loosened;
  for (const Layer& layer : layers) {
    for (const CallRule& rule : layer.calls) {
      if (rule.loosen.empty()) continue;
      loosened.push_back(
          absl::StrCat(PlaceOf(layer, rule.at), ": ", CallNames(rule), ": ", rule.loosen));
    }
  }
  return loosened;
}

std::string PlaceOf(const Layer& layer, Position at) {
  return absl::StrCat(layer.source, ":", at.line, ":", at.column);
}

}  // namespace moat::policies
