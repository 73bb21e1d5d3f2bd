/// session/request.h - what is asked of an open model, as a value with one JSON form: a line of
/// `rouse run --batch`, and what a server is sent.
#pragma once

#include <memory>

#include "base/json.h"
#include "session/names.h"
#include "session/options.h"
#include "session/result.h"

namespace rouse {

struct Request {
  Json id;  ///< text or an integer, 7 and "7" being two; null: none
  PromptOptions prompt;
  MethodOptions method;
  GenerateOptions generate;  ///< its grammar is also what a JSON schema became
  Json json_schema;          ///< what generate.grammar was made of; null: it was not
  int n_sample = 1;

  OptionTargets targets() {
    return {.prompt = &prompt, .generate = &generate, .method = &method, .n_sample = &n_sample};
  }
};

/// What whoever sends a request may name.
struct RequestRules {
  std::shared_ptr<const Names> names = std::make_shared<Names>();
  /// Also files by their paths, and an amateur: for the user's own files. Else no text of the request ever
  /// reaches the file system.
  bool paths = false;
};

/// An object {"id", "prompt" | "messages" | "tokens", options of the table, "preset"} over the options of
/// `base`, whose prompt and id do not count. With "method" or "preset" the base's method is not what its
/// options were given for, so they are taken where they are read and nobody minds the others. Throws Error
/// (usage) whose subject is the key: a key that is not known, twice there (once with a dash), a value of
/// another type or out of range, a grammar beside a JSON schema, two prompts.
Request read_request(const JsonValue& record, const Request& base = {}, const RequestRules& rules = {});
/// [{"role", "content"}, ...]: 1 to 4096 messages of system, user and assistant. Throws Error (usage).
std::vector<ChatMessage> read_messages(const JsonValue& list);
/// The id of a request or of its answer. Throws Error (usage) unless it is text or an integer.
const Json& request_id(const JsonValue& id);
/// What reads back as the same request, in the table's order, without what is at its default.
Json request_json(const Request& request);

/// Its samples, whose options were checked against each other: the first runs the prompt for all, and seeds
/// stand in a row. They must be run together. on_text and on_reasoning hear of the first. Throws Error
/// (usage).
std::vector<std::unique_ptr<Generation>> start_request(const Session& session, const Request& request,
                                                       OnText on_text = {}, OnText on_reasoning = {});
/// What came of them: of one sample its result, of several {"samples": [results]}.
Json request_result_json(std::span<const std::unique_ptr<Generation>> samples, const Request& request,
                         const RouterSpec& router);

}  // namespace rouse
