#include "server/routes.h"

#include "server/completions.h"

namespace rouse {

static constexpr Route kRoutes[] = {
    {"GET", "/health", "whether the server answers", health},
    {"GET", "/metrics", "sums for Prometheus", metrics},
    {"GET", "/openapi.json", "this description", openapi},
    {"GET", "/v1/models", "the model, and one id a preset", list_models},
    {"GET", "/v1/models/:id", "one of them", one_model},
    {"POST", "/v1/chat/completions", "the answer to a conversation", chat_completions, "chat"},
    {"POST", "/v1/completions", "what follows a text, or token ids", completions, "completion"},
    {"GET", "/tokenizer_info", "control tokens and the vocabulary's size", tokenizer_info},
    {"POST", "/tokenize", "the ids of a text, or of messages", tokenize, "tokenize"},
    {"POST", "/detokenize", "the text of ids", detokenize, "detokenize"},
    {"POST", "/apply-template", "messages as the model's prompt", apply_template, "template"},
    {"POST", "/v1/rouse/compare", "one prompt in up to 8 lanes, each with its method and routing", compare,
     "compare"},
    {"POST", "/v1/rouse/score", "how likely continuations are, by lane", score, "score"},
    {"POST", "/v1/rouse/whatif", "how banning or forcing experts changes a continuation", whatif, "whatif"},
    {"POST", "/v1/rouse/gates", "the experts and gates of every token of a text", gates, "gates"},
    {"GET", "/v1/rouse/methods", "methods, routing policies, and the options of a request", list_methods},
    {"GET", "/v1/rouse/model", "layers, experts, presets", about_model},
    {"GET", "/v1/rouse/plans", "the plans that requests may name", list_plans},
    {"GET", "/v1/rouse/plans/:name", "one of them, whole", one_plan},
};

std::span<const Route> routes() {
  return kRoutes;
}

}  // namespace rouse
