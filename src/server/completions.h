/// server/completions.h - OpenAI's two ways to have text generated.
#pragma once

#include "server/exchange.h"

namespace rouse {

void chat_completions(Exchange& x);
void completions(Exchange& x);

}  // namespace rouse
