#include "policies/container/json_text.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace moat::policies {
namespace {

constexpr int kMaxDepth = 32;

void AppendUtf8(std::string& text, uint32_t code) {
  const auto put = [&text](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<JsonValue> Run() {
    ASSIGN_OR_RETURN(JsonValue value, Value(0));
    SkipSpace();
    if (next_ < text_.size()) return FaultAt(at_, "something follows the end of the document");
    return value;
  }

 private:
  char Peek() const { return next_ < text_.size() ? text_[next_] : '\0'; }
  char Take() {
    const char taken = text_[next_++];
    if (taken == '\n') {
      ++at_.line;
      at_.column = 1;
    } else {
      ++at_.column;
    }
    return taken;
  }
  void SkipSpace() {
    while (next_ < text_.size() && absl::StrContains(" \t\r\n", text_.substr(next_, 1))) Take();
  }
  bool TakeIf(char wanted) {
    if (next_ >= text_.size() || Peek() != wanted) return false;
    Take();
    return true;
  }

  absl::StatusOr<JsonValue> Value(int depth);
  absl::Status Object(JsonValue& value, int depth);
  absl::Status Array(JsonValue& value, int depth);
  absl::Status Word(JsonValue& value);
  absl::Status Number(JsonValue& value);
  absl::StatusOr<std::string> String();
  absl::Status Escape(std::string& text);
  absl::StatusOr<uint32_t> FourDigits();

  const absl::string_view text_;
  size_t next_ = 0;
  Position at_;
};

absl::StatusOr<JsonValue> Parser::Value(int depth) {
  SkipSpace();
  JsonValue value;
  value.at = at_;
  if (depth > kMaxDepth) return FaultAt(at_, "too many levels");
  if (next_ >= text_.size()) return FaultAt(at_, "the document ends where a value is expected");
  const char first = Peek();
  absl::Status status;
  if (first == '{') {
    status = Object(value, depth);
  } else if (first == '[') {
    status = Array(value, depth);
  } else if (first == '"') {
    value.kind = JsonValue::Kind::kString;
    ASSIGN_OR_RETURN(value.text, String());
  } else if (first == '-' || absl::ascii_isdigit(static_cast<unsigned char>(first))) {
    status = Number(value);
  } else {
    status = Word(value);
  }
  RETURN_IF_ERROR(status);
  return value;
}

absl::Status Parser::Object(JsonValue& value, int depth) {
  value.kind = JsonValue::Kind::kObject;
  Take();
  SkipSpace();
  if (TakeIf('}')) return absl::OkStatus();
  for (;;) {
    SkipSpace();
    JsonMember member;
    member.at = at_;
    if (Peek() != '"') return FaultAt(at_, "expected a key in quotes");
    ASSIGN_OR_RETURN(member.key, String());
    if (value.Find(member.key)) {
      return FaultAt(member.at, absl::StrCat("\"", member.key, "\" stands here twice"));
    }
    SkipSpace();
    if (!TakeIf(':')) return FaultAt(at_, "expected \":\" after a key");
    ASSIGN_OR_RETURN(member.value, Value(depth + 1));
    value.members.push_back(std::move(member));
    SkipSpace();
    if (TakeIf('}')) return absl::OkStatus();
    if (!TakeIf(',')) return FaultAt(at_, "expected \",\" or \"}\"");
  }
}

absl::Status Parser::Array(JsonValue& value, int depth) {
  value.kind = JsonValue::Kind::kArray;
  Take();
  SkipSpace();
  if (TakeIf(']')) return absl::OkStatus();
  for (;;) {
    ASSIGN_OR_RETURN(JsonValue item, Value(depth + 1));
    value.items.push_back(std::move(item));
    SkipSpace();
    if (TakeIf(']')) return absl::OkStatus();
    if (!TakeIf(',')) return FaultAt(at_, "expected \",\" or \"]\"");
  }
}

absl::Status Parser::Word(JsonValue& value) {
  const Position start = at_;
  std::string word;
  while (absl::ascii_isalpha(static_cast<unsigned char>(Peek()))) word.push_back(Take());
  if (word == "null") return absl::OkStatus();
  if (word != "true" && word != "false") return FaultAt(start, "expected a value");
  value.kind = JsonValue::Kind::kBoolean;
  value.boolean = word == "true";
  return absl::OkStatus();
}

absl::Status Parser::Number(JsonValue& value) {
  value.kind = JsonValue::Kind::kNumber;
  while (next_ < text_.size() && absl::StrContains("+-.0123456789eE", text_.substr(next_, 1))) {
    value.text.push_back(Take());
  }
  double ignored;
  const bool leading_zero = value.text.size() > 1 && value.text[0] == '0' &&
                            absl::ascii_isdigit(static_cast<unsigned char>(value.text[1]));
  if (leading_zero || !absl::SimpleAtod(value.text, &ignored)) {
    return FaultAt(value.at, "is not a number of JSON (write hexadecimal as \"0x...\")");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Parser::String() {
  const Position start = at_;
  Take();
  std::string text;
  for (;;) {
    if (next_ >= text_.size() || Peek() == '\n') return FaultAt(start, "a string without its end");
    const char taken = Take();
    if (taken == '"') return text;
    if (static_cast<unsigned char>(taken) < 0x20) {
      return FaultAt(at_, "a control character in a string");
    }
    if (taken != '\\') {
      text.push_back(taken);
    } else {
      RETURN_IF_ERROR(Escape(text));
    }
  }
}

absl::Status Parser::Escape(std::string& text) {
  constexpr absl::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const Position start = at_;
  const char letter = next_ < text_.size() ? Take() : '\0';
  if (const size_t found = kLetters.find(letter); letter != '\0' && found != kLetters.npos) {
    text.push_back(kMeanings[found]);
    return absl::OkStatus();
  }
  if (letter != 'u') return FaultAt(start, "unknown escape in a string");
  ASSIGN_OR_RETURN(uint32_t code, FourDigits());
  if (code >= 0xd800 && code < 0xdc00) {  // the first of a surrogate pair
    if (!TakeIf('\\') || !TakeIf('u')) return FaultAt(start, "half of a surrogate pair");
    ASSIGN_OR_RETURN(const uint32_t low, FourDigits());
    if (low < 0xdc00 || low > 0xdfff) return FaultAt(start, "half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code < 0xe000) {
    return FaultAt(start, "half of a surrogate pair");
  }
  if (code == 0) return FaultAt(start, "a string with a NUL");
  AppendUtf8(text, code);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Parser::FourDigits() {
  const Position start = at_;
  std::string digits;
  while (digits.size() < 4 && absl::ascii_isxdigit(static_cast<unsigned char>(Peek()))) {
    digits.push_back(Take());
  }
  uint32_t code = 0;
  if (digits.size() != 4 || !absl::SimpleHexAtoi(digits, &code)) {
    return FaultAt(start, "\\u wants four hexadecimal digits");
  }
  return code;
}

}  // namespace

const JsonValue* JsonValue::Find(absl::string_view key) const {
  for (const JsonMember& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::optional<uint64_t> JsonValue::AsUnsigned() const {
  uint64_t number = 0;
  if (kind != Kind::kNumber || !absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

absl::string_view KindName(JsonValue::Kind kind) {
  switch (kind) {
    case JsonValue::Kind::kNull:
      return "null";
    case JsonValue::Kind::kBoolean:
      return "a boolean";
    case JsonValue::Kind::kNumber:
      return "a number";
    case JsonValue::Kind::kString:
      return "a string";
    case JsonValue::Kind::kArray:
      return "a list";
    case JsonValue::Kind::kObject:
      return "an object";
  }
  return "";
}

absl::Status FaultAt(Position at, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(at.line, ":", at.column, ": ", problem));
}

absl::StatusOr<JsonValue> ParseJson(absl::string_view text) { return Parser(text).Run(); }

}  // namespace moat::policies
