// The table of the virtual tree: one line a node, and the tree that is made of it.
//
// A line's path is a pattern. Components in angle brackets stand for names that come and go:
// <pid>, <tid>, <fd>, <cpu>, <if>. Directories are implied by what lies in them; a line of their
// own only gives them another mode or guard.
#ifndef MOAT_SENTRY_PROC_NODE_H_
#define MOAT_SENTRY_PROC_NODE_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/result.h"
#include "sentry/task/task_info.h"

namespace moat::sentry {

class ContainerFacts;

// What the dynamic components of a path stand for.
struct Place {
  pid_t pid = 0;     // <pid>, a P_B number; 0: the node is not a process's
  pid_t tid = 0;     // <tid>; 0: the node is the thread group's
  std::string name;  // <fd>, <cpu>, <if>: the last one
};

// What a generator gets.
struct NodeContext {
  const ContainerFacts& facts;
  const TaskInfo& viewer;
  const Place& place;
  absl::string_view path;  // canonical: no links, real numbers
  absl::string_view text;  // the constant of the table's line
  bool may_trace = false;  // Guard::kRedact: whether the viewer passes ptrace_may_access
};

// The contents of a file or the text of a link.
using Generator = Result<std::string> (*)(const NodeContext& context);

enum class NodeKind : uint8_t {
  kDirectory,
  kFile,       // a snapshot for each open
  kStatic,     // never changes: one snapshot for everyone
  kLink,       // a symbolic link within the tree
  kMagicLink,  // leads to what a process has open: cwd, root, exe, fd/N
};

// What is asked beyond the mode bits.
enum class Guard : uint8_t {
  kNone,
  kTrace,    // ptrace_may_access(PTRACE_MODE_READ_FSCREDS), else EACCES
  kRedact,   // the same, but without it the generator shows less (NodeContext::may_trace)
  kRefused,  // EPERM for everyone
};

// What becomes of an open(2) for writing that the mode bits allow.
enum class Writing : uint8_t {
  kNone,     // EACCES
  kKernel,   // the caller gets the kernel's own file of that process, and the kernel judges the
             // write
  kRefused,  // the open succeeds and each write(2) fails with EPERM
};

struct NodeLine {
  absl::string_view path;
  NodeKind kind;
  mode_t mode;
  Generator generate = nullptr;
  absl::string_view text = "";
  Guard guard = Guard::kNone;
  Writing writing = Writing::kNone;
};

// Lines whose paths start at `prefix`.
struct NodeGroup {
  absl::string_view prefix;
  absl::Span<const NodeLine> lines;
};

// All lines; those of tasks stand below /proc/<pid> and below /proc/<pid>/task/<tid>.
std::vector<NodeGroup> NodeTable();

// One node of the tree. Constant after BuildNodes.
struct Node {
  NodeLine line;
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
  std::unique_ptr<Node> dynamic_child;  // its component is `dynamic_name`
  std::string dynamic_name;

  bool IsDirectory() const { return line.kind == NodeKind::kDirectory; }
  bool IsLink() const { return line.kind == NodeKind::kLink || line.kind == NodeKind::kMagicLink; }
};

// The node "/", which holds "proc" and "sys". What the lines point to must outlive it.
std::unique_ptr<Node> BuildNodes(absl::Span<const NodeGroup> groups);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_PROC_NODE_H_
