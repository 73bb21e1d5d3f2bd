/// tensor/log.h - the one log of ggml and libllama, which have a single callback for the whole process.
#pragma once

#include <ggml.h>

#include <string>

namespace rouse {

/// For ggml_log_set and llama_log_set. Errors go to the thread's LogCapture, or else to standard error; the
/// rest, chatter about buffers and layouts, is for who says -v.
void log_callback(ggml_log_level level, const char* text, void*);

/// While it lives, errors that are logged on its thread are kept instead of printed. Captures nest.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  /// The first: later ones say that the caller failed as well.
  const std::string& first_error() const { return first_error_; }

 private:
  friend void log_callback(ggml_log_level level, const char* text, void*);
  std::string first_error_;
  LogCapture* outer_;
};

}  // namespace rouse
