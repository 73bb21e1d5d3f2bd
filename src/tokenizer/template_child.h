/// tokenizer/template_child.h - Jinja templates rendered by the program rouse-template, a process with
/// limits: a template comes with a model file and may loop, nest and allocate without end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "tokenizer/chat_message.h"

namespace rouse {

struct TemplateJob {
  std::string source;  ///< Jinja
  std::string place;   ///< what messages begin with: "m.gguf: the chat template"
  std::vector<std::vector<ChatMessage>> conversations;
  std::vector<Json> inputs;               ///< of each conversation: an object of variables by whoever asks
  Json plain;                             ///< an object of variables by rouse
  int64_t local_seconds = 0;              ///< since 1970, of the clock that strftime_now shows
  ErrorKind kind = ErrorKind::bad_model;  ///< of a template that fails or takes too much
  /// No messages: inputs alone. What a template prints outside of its blocks must be there, and no null and
  /// no object.
  bool strict = false;
};

constexpr size_t kMostTemplateBytes = size_t{64} << 10;

/// Whether the program is there. From the first look on it is held open as it was then.
bool has_template_program();

/// Of each conversation the prompt; parts that are not special came with a message or an input. Safe to call
/// from any thread. Throws Error of the job's kind, saying which limit was met, and of kind usage with the
/// template's own words where it refuses the messages; internal where the program cannot be found or
/// run, or is another.
/// Their subject is chat_template.
std::vector<std::vector<TextPart>> render_template(const TemplateJob& job);

}  // namespace rouse
