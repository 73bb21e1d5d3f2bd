/// What the pre-check accepts, ggml and the spec readers must survive.
#include <ggml-cpp.h>

#include "base/error.h"
#include "gguf/check.h"
#include "model/tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    rouse::check_gguf({reinterpret_cast<const std::byte*>(data), size}, "fuzz");
  } catch (const rouse::Error&) {
    return 0;
  }
  ggml_context* context = nullptr;
  gguf_context_ptr gguf(gguf_init_from_buffer(data, size, {true, &context}));
  ggml_context_ptr shapes(context);
  if (!gguf) return 0;
  const rouse::GgufFile file("fuzz", std::move(gguf), std::move(shapes));
  try {
    rouse::check_tensors(file, rouse::read_spec(file));
  } catch (const rouse::Error&) {
  }
  return 0;
}
