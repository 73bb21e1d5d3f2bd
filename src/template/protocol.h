/// template/protocol.h - what rouse and the program that renders its chat templates agree on.
///
/// The request is one JSON object on standard input, to its end: {"template", "conversations": [[{"role",
/// "content", "extra": further fields, or null}]], "plain": {variables of rouse}, "input": {variables of
/// whoever asks}, "now": seconds since 1970 of the local clock, "strict": true where the variables of whoever
/// asks are all there is, no messages, and what cannot be printed is an error}. The answer on standard output
/// is, for each conversation, a line "=N" and N parts, each a line "tN" or "iN" (of the template, of the
/// input) and N bytes; or a line "!KIND" and a message.
#pragma once

#include <cstddef>

namespace rouse::template_program {

constexpr const char* kName = "rouse-template";

constexpr size_t kMemoryBytes = size_t{512} << 20;
constexpr size_t kStackBytes = size_t{8} << 20;
constexpr int kCpuSeconds = 2;
constexpr int kWallSeconds = 3;
constexpr size_t kOutputBytes = size_t{4} << 20;

enum ExitCode { kOk = 0, kOutOfMemory = 3, kTooLong = 4, kBadRequest = 5 };

constexpr char kRefused = 'r';  ///< by the template itself: raise_exception
constexpr char kFailed = 'f';   ///< it is no template, or asks for what there is not

}  // namespace rouse::template_program
