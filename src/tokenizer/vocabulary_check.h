/// tokenizer/vocabulary_check.h - refuses a vocabulary on which libllama would stop the process or lose its
/// way.
#pragma once

#include "gguf/file.h"

namespace rouse {

/// Checks what src/llama-vocab.cpp asserts or takes for granted: arrays of equal length, every token text
/// once, a token for every byte where unknown text falls back to bytes, ... Throws Error (exit 3) naming the
/// token.
void check_vocabulary(const GgufFile& file);

}  // namespace rouse
