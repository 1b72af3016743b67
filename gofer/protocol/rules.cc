#include "gofer/protocol/rules.h"

#include <sys/stat.h>
#include <time.h>

#include <cerrno>

#include "gofer/protocol/watched.h"

namespace moat::gofer {
namespace {

constexpr uint32_t kOnePath = kBaseDescriptor | kRootDescriptor;
constexpr uint32_t kTwoPaths = kOnePath | kSecondBaseDescriptor;
constexpr uint32_t kOnObject = kOnePath | kObjectDescriptor;

constexpr OperationRule Plain(Operation operation, size_t arguments) {
  return {.operation = operation, .arguments = arguments, .allowed = kOnePath};
}
constexpr OperationRule Opens(Operation operation, size_t arguments) {
  OperationRule rule = Plain(operation, arguments);
  rule.body = ReplyBody::kStatx;
  rule.replies_descriptor = true;
  return rule;
}
constexpr OperationRule ExecRule() {
  OperationRule rule = Opens(Operation::kOpenForExec, 1);
  rule.replies_value = true;
  return rule;
}
constexpr OperationRule Yields(Operation operation, size_t arguments, ReplyBody body,
                               size_t max_body = 0) {
  OperationRule rule = Plain(operation, arguments);
  rule.body = body;
  rule.max_body = max_body;
  return rule;
}
constexpr OperationRule TwoPaths(Operation operation) {
  OperationRule rule = Plain(operation, 1);
  rule.allowed = kTwoPaths;
  rule.max_second = kMaxPath;
  rule.second_too_long = ENAMETOOLONG;
  return rule;
}
constexpr OperationRule NamesXattr(OperationRule rule) {
  rule.max_second = kMaxXattrName;
  rule.second_too_long = ERANGE;  // xattr(7): names of more than 255 bytes
  return rule;
}
constexpr OperationRule CarriesData(OperationRule rule, size_t min, size_t max, int too_long) {
  rule.min_data = min;
  rule.max_data = max;
  rule.data_too_long = too_long;
  return rule;
}
constexpr OperationRule OnObject(Operation operation, size_t arguments, bool value) {
  OperationRule rule = Plain(operation, arguments);
  rule.allowed = kOnObject;
  rule.required = kObjectDescriptor;
  rule.replies_value = value;
  return rule;
}
constexpr OperationRule Resolves() {
  OperationRule rule = Plain(Operation::kResolve, 1);
  rule.allowed = kBaseDescriptor;
  rule.body = ReplyBody::kBytes;
  rule.max_body = kMaxWatched * sizeof(Watched);
  rule.replies_descriptor = true;
  rule.replies_value = true;
  rule.may_be_missing = true;
  return rule;
}
constexpr OperationRule SymlinkRule() {
  OperationRule rule = Plain(Operation::kSymlink, 0);
  rule.max_second = kMaxPath;
  rule.second_too_long = ENAMETOOLONG;
  return rule;
}

// In the order of Operation. The comment names arguments[0], [1], ...; `second`; `data`.
constexpr OperationRule kRules[] = {
    Opens(Operation::kOpen, 3),                      // flags, mode, resolve
    ExecRule(),                                      // follow (0 or 1); value: Opened::secret
    Yields(Operation::kStat, 2, ReplyBody::kStatx),  // at_flags, mask
    Yields(Operation::kStatFs, 0, ReplyBody::kStatfs),
    Plain(Operation::kAccess, 2),  // mode, at_flags
    Yields(Operation::kReadLink, 0, ReplyBody::kBytes, PATH_MAX),
    Plain(Operation::kMkdir, 1),   // mode
    Plain(Operation::kMknod, 2),   // mode, device
    SymlinkRule(),                 // second: the target
    TwoPaths(Operation::kLink),    // at_flags; second: the new path
    Plain(Operation::kUnlink, 1),  // at_flags
    TwoPaths(Operation::kRename),  // flags; second: the new path
    Plain(Operation::kChmod, 2),   // mode, at_flags
    Plain(Operation::kChown, 3),   // uid, gid, at_flags
    CarriesData(Plain(Operation::kSetTimes, 1), 0, 2 * sizeof(timespec),
                EINVAL),             // at_flags; data: two timespecs, or empty for now
    Plain(Operation::kTruncate, 1),  // length
    NamesXattr(Yields(Operation::kGetXattr, 1, ReplyBody::kBytes,
                      kMaxXattrValue)),                                   // follow
    Yields(Operation::kListXattr, 1, ReplyBody::kBytes, kMaxXattrValue),  // follow
    CarriesData(NamesXattr(Plain(Operation::kSetXattr, 2)), 0, kMaxXattrValue,
                E2BIG),                             // follow, flags; data: the value
    NamesXattr(Plain(Operation::kRemoveXattr, 1)),  // follow
    OnObject(Operation::kBindUnix, 0, false),
    OnObject(Operation::kConnectUnix, 0, false),
    CarriesData(OnObject(Operation::kSendToUnix, 1, true), 0, kMaxDatagram,
                EMSGSIZE),                      // flags; data: the datagram
    OnObject(Operation::kInotifyAdd, 1, true),  // mask
    Resolves(),                                 // LookFor; value: 0 or ENOENT
};
static_assert(sizeof(kRules) / sizeof(kRules[0]) == kLastOperation);

constexpr bool InOrder() {
  for (uint16_t i = 0; i < kLastOperation; ++i) {
    if (static_cast<uint16_t>(kRules[i].operation) != i + 1) return false;
  }
  return true;
}
static_assert(InOrder());

}  // namespace

const OperationRule* FindRule(uint16_t operation) {
  if (operation == 0 || operation > kLastOperation) return nullptr;
  return &kRules[operation - 1];
}

}  // namespace moat::gofer
