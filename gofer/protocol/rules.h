// What each operation's request and reply may carry. Both sides check against this one table.
#ifndef MOAT_GOFER_PROTOCOL_RULES_H_
#define MOAT_GOFER_PROTOCOL_RULES_H_

#include <cstddef>
#include <cstdint>

#include "gofer/protocol/wire.h"

namespace moat::gofer {

enum class ReplyBody { kNone, kStatx, kStatfs, kBytes };

struct OperationRule {
  Operation operation;
  size_t arguments;     // how many of the request's arguments have a meaning
  uint32_t allowed;     // descriptors that may come
  uint32_t required;    // descriptors that must come
  size_t max_second;    // `second` must be empty when 0
  int second_too_long;  // the errno that Linux has for a longer one
  size_t min_data;
  size_t max_data;
  int data_too_long;
  ReplyBody body;           // of a kValue reply
  size_t max_body;          // for kBytes
  bool replies_descriptor;  // a kValue reply brings exactly one
  bool replies_value;       // else `value` is 0
  bool may_be_missing;      // a kValue reply with a value other than 0 brings no descriptor
};

// Null for a number that is no operation.
const OperationRule* FindRule(uint16_t operation);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_PROTOCOL_RULES_H_
