// The reading functions that parse.cc and parse_linux.cc share.
#ifndef MOAT_RUNTIME_SPEC_PARSE_PARTS_H_
#define MOAT_RUNTIME_SPEC_PARSE_PARTS_H_

#include "runtime/spec/json_reader.h"
#include "runtime/spec/spec.h"

namespace moat::spec {

void Read(const JsonReader& at, IdMapping& out);
void Read(const JsonReader& at, Process& out);
void Read(const JsonReader& at, Resources& out);
void Read(const JsonReader& at, Linux& out);
void Read(const JsonReader& at, Seccomp& out);

}  // namespace moat::spec

#endif  // MOAT_RUNTIME_SPEC_PARSE_PARTS_H_
