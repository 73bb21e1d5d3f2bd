#include "tokenizer/chat_template.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>

#include "base/text.h"
#include "tokenizer/named_template.h"
#include "tokenizer/template_child.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/user_mask.h"

namespace rouse {
namespace {

/// Variables that every template has.
constexpr const char* kOwnVariables[] = {"messages",  "tools",     "documents",   "add_generation_prompt",
                                         "bos_token", "eos_token", "strftime_now"};

std::optional<std::chrono::sys_days> day_of(const std::string& date) {
  const std::vector<std::string> parts = split(date, '-');
  if (date.size() != 10 || parts.size() != 3 || parts[0].size() != 4 || parts[1].size() != 2) return {};
  std::optional<int64_t> n[3];
  for (size_t i = 0; i < 3; ++i) n[i] = parse_int(parts[i]);
  if (!n[0] || !n[1] || !n[2] || *n[0] < 1 || *n[1] < 1 || *n[2] < 1) return {};
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(*n[0])),
                                        std::chrono::month(static_cast<unsigned>(*n[1])),
                                        std::chrono::day(static_cast<unsigned>(*n[2]))};
  if (!day.ok()) return {};
  return std::chrono::sys_days(day);
}

int64_t local_seconds(const std::string& date) {
  if (date.empty()) {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    return timegm(&parts);
  }
  check_template_date(date);
  return std::chrono::duration_cast<std::chrono::seconds>(day_of(date)->time_since_epoch()).count();
}

/// What the template sees beside the messages: as transformers has it, a token that the vocabulary lacks is
/// not there, and no tools are none.
Json variables_of(const Tokenizer& tokenizer, const TemplateOptions& o) {
  Json out{{"documents", nullptr}, {"add_generation_prompt", o.generation_prompt}};
  if (tokenizer.bos() >= 0) out["bos_token"] = tokenizer.piece(tokenizer.bos(), true);
  if (tokenizer.eos() >= 0) out["eos_token"] = tokenizer.piece(tokenizer.eos(), true);
  return out;
}

std::vector<int> control_tokens(const Tokenizer& tokenizer, const std::vector<TextPart>& parts) {
  std::vector<int> out = tokenizer.encode(parts, false);
  std::erase_if(out, [&](int token) { return !tokenizer.is_control(token); });
  return out;
}

/// The engine's marks are lost on some ways through a template (a piece that split() gives). So what could
/// begin a control token's name is also rendered in disguise; where that makes other control tokens, the
/// disguised prompt is the one that counts.
std::vector<TextPart> jinja_parts(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages,
                                  const TemplateOptions& o) {
  for (size_t i = 0; i < messages.size(); ++i)
    require_usage(is_utf8(messages[i].content), "message ", i + 1, " of the conversation is no UTF-8");
  TemplateJob job;
  const bool own = o.source.empty();
  job.source = own ? tokenizer.chat_template() : o.source;
  job.place = own ? cat(tokenizer.path(), ": the chat template") : cat("the chat template ", o.name);
  job.kind = own ? ErrorKind::bad_model : ErrorKind::usage;
  job.plain = variables_of(tokenizer, o);
  job.local_seconds = local_seconds(o.date);
  job.conversations.push_back(messages);
  job.inputs.push_back(o.kwargs.is_null() ? Json::object() : o.kwargs);
  job.inputs[0]["tools"] = o.tools.empty() ? Json() : o.tools;
  const UserMask mask(tokenizer.control_names(), job.source, messages, job.inputs[0]);
  if (mask.needed() && !o.special) {
    job.conversations.push_back(mask.hidden(messages));
    job.inputs.push_back(mask.hidden(job.inputs[0]));
  }
  std::vector<std::vector<TextPart>> rendered = render_template(job);
  if (rendered.size() == 1) return std::move(rendered[0]);
  std::vector<TextPart> safe = mask.shown(rendered[1]);
  return control_tokens(tokenizer, rendered[0]) == control_tokens(tokenizer, safe) ? std::move(rendered[0])
                                                                                   : std::move(safe);
}

/// encode() adds it.
void drop_bos(const Tokenizer& tokenizer, std::vector<TextPart>& parts) {
  if (!tokenizer.adds_bos() || parts.empty() || !parts[0].special) return;
  const std::string bos = tokenizer.piece(tokenizer.bos(), true);
  if (parts[0].text.starts_with(bos)) parts[0].text.erase(0, bos.size());
}

[[noreturn]] void refuse_template(const std::string& what) {
  throw Error(cat(what, "; known by name: ", join(chat_template_names(), ", ")), ErrorKind::usage,
              "chat_template");
}

}  // namespace

std::vector<TextPart> chat_parts(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages,
                                 const TemplateOptions& o) {
  check_template_kwargs(o.kwargs);
  std::vector<TextPart> parts;
  if (o.source.empty() && !o.name.empty()) {
    if (!is_chat_template_name(o.name)) refuse_template(cat("unknown chat template ", json_text(o.name)));
    require_option(o.kwargs.empty(), "chat_template_kwargs", " are given, but the built-in template ", o.name,
                   " has no variables");
    parts = named_chat_parts(messages, o.name);
  } else {
    if (o.source.empty() && tokenizer.chat_template().empty())
      refuse_template(cat(tokenizer.path(), ": the file has no chat template"));
    parts = jinja_parts(tokenizer, messages, o);
    drop_bos(tokenizer, parts);
  }
  if (o.special)
    for (TextPart& part : parts) part.special = true;
  return parts;
}

std::string chat_text(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages,
                      const TemplateOptions& o) {
  std::string out;
  for (const TextPart& part : chat_parts(tokenizer, messages, o)) out += part.text;
  return out;
}

std::vector<int> encode_chat(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages,
                             const TemplateOptions& o) {
  return tokenizer.encode(chat_parts(tokenizer, messages, o), true);
}

void check_template_date(const Json& date) {
  const bool day = date.is_string() && (date == Json("") || day_of(date.get<std::string>()));
  require_option(day, "template_date", " is ", json_text(date), ", expected a day as YYYY-MM-DD");
}

void check_template_kwargs(const Json& kwargs) {
  constexpr size_t kMostVariables = 64, kMostName = 64, kMostBytes = 4096;
  if (kwargs.is_null()) return;
  const char* const option = "chat_template_kwargs";
  require_option(kwargs.is_object() && kwargs.size() <= kMostVariables, option, " is ", json_text(kwargs),
                 ", expected an object of at most ", kMostVariables, " variables");
  for (const auto& [name, value] : kwargs.items()) {
    const bool word =
        !name.empty() && name.size() <= kMostName && !std::isdigit(static_cast<unsigned char>(name[0])) &&
        std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
    require_option(word, option, ": ", json_text(name), " is no name of a variable");
    require_option(
        std::find(std::begin(kOwnVariables), std::end(kOwnVariables), name) == std::end(kOwnVariables),
        option, ": ", name, " is set by rouse");
    const bool plain = value.is_boolean() || (value.is_number() && std::isfinite(value.get<double>())) ||
                       (value.is_string() && value.get_ref<const std::string&>().size() <= kMostBytes);
    require_option(plain, option, ": ", name, " is ", json_text(value),
                   ", expected true, false, a number or text of at most ", kMostBytes, " bytes");
  }
}

}  // namespace rouse
