#include "tensor/log.h"

#include <cstdio>

#include "base/text.h"
#include "base/verbose.h"

namespace rouse {

static thread_local LogCapture* capture = nullptr;

LogCapture::LogCapture() : outer_(capture) {
  capture = this;
}

LogCapture::~LogCapture() {
  capture = outer_;
}

void log_callback(ggml_log_level level, const char* text, void*) {
  if (verbose && level != GGML_LOG_LEVEL_ERROR && level != GGML_LOG_LEVEL_DEBUG)
    std::fputs(printable(text, true).c_str(), stderr);
  if (level != GGML_LOG_LEVEL_ERROR) return;
  if (!capture)
    std::fputs(printable(text, true).c_str(), stderr);
  else if (capture->first_error_.empty())
    capture->first_error_ = text;
}

}  // namespace rouse
