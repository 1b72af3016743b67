#include "sentry/proc/node.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace moat::sentry {
namespace {

constexpr mode_t kDirectoryMode = 0555;

std::unique_ptr<Node> NewDirectory() {
  auto node = std::make_unique<Node>();
  node->line = {.path = "", .kind = NodeKind::kDirectory, .mode = kDirectoryMode};
  return node;
}

Node& Step(Node& parent, absl::string_view component) {
  if (!component.empty() && component.front() == '<') {
    parent.dynamic_name = std::string(component);
    if (!parent.dynamic_child) parent.dynamic_child = NewDirectory();
    return *parent.dynamic_child;
  }
  std::unique_ptr<Node>& child = parent.children[std::string(component)];
  if (!child) child = NewDirectory();
  return *child;
}

}  // namespace

std::unique_ptr<Node> BuildNodes(absl::Span<const NodeGroup> groups) {
  std::unique_ptr<Node> root = NewDirectory();
  for (const NodeGroup& group : groups) {
    for (const NodeLine& line : group.lines) {
      const std::string path = absl::StrCat(group.prefix, line.path);
      Node* node = root.get();
      for (absl::string_view component : absl::StrSplit(path, '/', absl::SkipEmpty())) {
        node = &Step(*node, component);
      }
      node->line = line;
    }
  }
  return root;
}

}  // namespace moat::sentry
