/// tokenizer/chat_template.h - a conversation as the prompt of a model: by the Jinja template in its file, by
/// another one, or by a built-in form.
///
/// Control tokens are the template's own: what a message spells stays text, and so do inputs of requests.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "tokenizer/chat_message.h"

namespace rouse {

class Tokenizer;

struct TemplateOptions {
  std::string name = {};    ///< a built-in form; empty: the file's template
  std::string source = {};  ///< a Jinja template that replaces both; `name` then says where it came from
  std::string date = {};    ///< YYYY-MM-DD, at midnight, what strftime_now shows; empty: the clock
  Json kwargs = nullptr;    ///< variables of the template by names: true, false, numbers, texts; or null
  Json tools = nullptr;     ///< functions as OpenAI's API describes them, a list; or null
  bool special = false;     ///< control tokens in messages count too
  bool generation_prompt = true;  ///< ends with what begins the model's turn
};

/// The date of evaluations that name none, so that their prompts stay the same: that on which Llama's
/// templates fall back.
constexpr const char* kEvaluationDate = "2024-07-26";

/// The prompt in parts, for Tokenizer::encode, without the BOS that it adds. Templates of files run in a
/// process of their own with limits (template_child.h) and see what transformers shows them: messages, tools,
/// documents (none), add_generation_prompt, bos_token, eos_token, kwargs, strftime_now. Throws Error, subject
/// chat_template: usage where there is no template, the name is not known or the template refuses the
/// messages; bad_model where the file's cannot be rendered or exceeds a limit.
std::vector<TextPart> chat_parts(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages,
                                 const TemplateOptions& options = {});
/// The parts as one text.
std::string chat_text(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages,
                      const TemplateOptions& options = {});
/// The ids, with BOS where the file asks for it.
std::vector<int> encode_chat(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages,
                             const TemplateOptions& options = {});

/// Throw Error (usage) of template_date and chat_template_kwargs: no day of the calendar; no object of at
/// most 64 variables, names that the template's own variables have, lists, objects and texts of more than 4
/// kB.
void check_template_date(const Json& date);
void check_template_kwargs(const Json& kwargs);

}  // namespace rouse
