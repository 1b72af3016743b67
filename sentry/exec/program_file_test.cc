#include "sentry/exec/program_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/fd.h"

namespace moat::sentry {
namespace {

struct ScriptCase {
  std::string head;
  std::string interpreter;  // empty: ENOEXEC
  std::string argument;
};

TEST(ParseScriptLine, AsLinuxDoes) {
  const std::string long_name(300, 'x');
  const ScriptCase cases[] = {
      {"#!/bin/sh\n", "/bin/sh", ""},
      {"#! \t/bin/sh \t\n", "/bin/sh", ""},
      {"#!/usr/bin/env python3 -x  \necho", "/usr/bin/env", "python3 -x"},
      {"#!/bin/sh", "/bin/sh", ""},
      {"#!\n", "", ""},
      {"#!   ", "", ""},
      {"#!/" + long_name, "", ""},
      {"#!/bin/sh " + long_name, "/bin/sh", long_name.substr(0, 246)},
  };
  for (const ScriptCase& c : cases) {
    const auto line = ParseScriptLine(c.head);
    ASSERT_EQ(line.ok(), !c.interpreter.empty()) << c.head;
    if (!line.ok()) {
      EXPECT_EQ(line.error().value(), ENOEXEC);
      continue;
    }
    EXPECT_EQ(line->interpreter, c.interpreter);
    EXPECT_EQ(line->argument.value_or(""), c.argument);
  }
}

TEST(ReadElfInterpreter, OfARealProgram) {
  Fd program(::open("/bin/true", O_RDONLY | O_CLOEXEC));
  auto start = ReadProgramStart(program.get());
  ASSERT_TRUE(start.ok());
  EXPECT_TRUE(IsNativeElf(*start));
  // However much of it has been read already.
  for (const size_t size : {start->size(), kProgramHeadSize, size_t{0}}) {
    auto interpreter = ReadElfInterpreter(program.get(), start->substr(0, size));
    ASSERT_TRUE(interpreter.ok());
    EXPECT_EQ(interpreter->value_or(""), "/lib64/ld-linux-x86-64.so.2");
  }
}

TEST(ReadElfInterpreter, OfATruncatedFile) {
  Fd empty(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(ReadElfInterpreter(empty.get(), "").error().value(), ENOEXEC);
  EXPECT_FALSE(IsNativeElf(""));
}

}  // namespace
}  // namespace moat::sentry
