/// server/reading.h - what an OpenAI client asks, as requests of ours.
///
/// A field is ours or OpenAI's and done; or without effect here and harmless; or documented by OpenAI but not
/// done here, and refused unless it says what happens anyway; or not known, and then ignored by name, refused
/// where it is one of ours misspelt or strictness was asked for.
#pragma once

#include "server/service.h"

namespace rouse {

struct Call {
  std::vector<Request> texts;  ///< one a prompt
  std::string model;           ///< the id that was asked for, or that of the model
  bool chat = false, stream = false, usage = false;
  bool echo = false;
  bool log_probs = false;
  bool tools = false;  ///< the model was shown some: its calls are taken out of the answer
  bool token_ids = false, experts = false, gates = false;
  std::vector<std::string> ignored;
};

/// strict: fields that are not known are refused. Throw Error (usage) whose subject is the field.
Call read_chat_call(const Service& service, const Json& body, bool strict);
Call read_completion_call(const Service& service, const Json& body, bool strict);
/// A request of /v1/rouse/...: session/request.h's form, where "method" may be an object, and a "name".
Request read_lane(const Service& service, const Json& body);
/// Messages whose content is text, in parts or whole. tools: also calls and what came of them.
std::vector<ChatMessage> read_messages_of(const JsonValue& messages, bool tools);

/// The option's name as OpenAI's clients know it: "max_tokens" of "n_predict".
std::string openai_name(const std::string& option, const Json& body);

}  // namespace rouse
