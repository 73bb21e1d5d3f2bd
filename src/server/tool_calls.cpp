#include "server/tool_calls.h"

#include <optional>

#include "base/text.h"

namespace rouse {
namespace {

std::optional<Json> parsed(std::string_view text) {
  Json out = Json::parse(trim(text), nullptr, false);
  if (out.is_discarded()) return std::nullopt;
  return out;
}

/// {"name", "arguments" or "parameters"}; nothing: it is no call.
std::optional<ToolCall> call_of(const Json& json) {
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string()) return std::nullopt;
  ToolCall out{json["name"].get<std::string>()};
  for (const char* key : {"arguments", "parameters"})
    if (json.contains(key)) out.arguments = json[key];
  return out;
}

/// <tool_call>{...}</tool_call>, each on its own; the last may lack its end.
SaidWithCalls tagged(const std::string& answer) {
  constexpr std::string_view kOpen = "<tool_call>", kClose = "</tool_call>";
  SaidWithCalls out;
  std::string_view rest = answer;
  for (size_t at = 0; (at = rest.find(kOpen)) != std::string_view::npos;) {
    const size_t begin = at + kOpen.size(), close = rest.find(kClose, begin);
    const auto json = parsed(rest.substr(begin, close == std::string_view::npos ? close : close - begin));
    const auto call = json ? call_of(*json) : std::nullopt;
    const size_t end = close == std::string_view::npos ? rest.size() : close + kClose.size();
    out.text += rest.substr(0, call ? at : end);
    if (call) out.calls.push_back(*call);
    rest.remove_prefix(end);
  }
  out.text += rest;
  return out;
}

/// <|tool_call|>[{...}, ...], the control token first.
SaidWithCalls listed(const std::string& answer, const std::string& whole) {
  const bool marked = trim(whole).starts_with("<|tool_call|>");
  std::string_view text = trim(answer);
  constexpr std::string_view kMark = "<|tool_call|>";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  const auto json = marked ? parsed(text) : std::nullopt;
  if (!json || !json->is_array()) return {answer, {}};
  SaidWithCalls out;
  for (const Json& one : *json) {
    const auto call = call_of(one);
    if (!call) return {answer, {}};
    out.calls.push_back(*call);
  }
  return out;
}

/// <|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>; the recipient may also
/// stand before the channel.
SaidWithCalls channelled(const std::string& answer, const std::string& whole) {
  constexpr std::string_view kTo = "to=functions.", kMessage = "<|message|>";
  SaidWithCalls out{answer, {}};
  for (size_t at = 0; (at = whole.find(kTo, at)) != std::string::npos;) {
    const size_t name = at + kTo.size(), name_end = whole.find_first_of(" <\n", name);
    const size_t message = whole.find(kMessage, name), header_end = whole.find("<|end|>", name);
    at = name;
    if (message == std::string::npos || name_end == std::string::npos || header_end < message) continue;
    const size_t begin = message + kMessage.size();
    size_t end = whole.size();
    for (const char* mark : {"<|call|>", "<|end|>", "<|start|>", "<|return|>"})
      end = std::min(end, whole.find(mark, begin));
    const auto json = parsed(std::string_view(whole).substr(begin, end - begin));
    if (json) out.calls.push_back({whole.substr(name, name_end - name), *json});
    at = end;
  }
  return out;
}

}  // namespace

SaidWithCalls split_tool_calls(const std::string& answer, const std::string& whole) {
  SaidWithCalls out = tagged(answer);
  if (out.calls.empty()) out = listed(answer, whole);
  if (out.calls.empty() && whole.find("<|channel|>") != std::string::npos) out = channelled(answer, whole);
  if (out.calls.empty()) return {answer, {}};
  out.text = trim(out.text);
  return out;
}

}  // namespace rouse
