#include "eval/task_template.h"

#include <regex>

#include "base/json.h"
#include "base/text.h"
#include "tokenizer/template_child.h"

namespace rouse {
namespace {

/// Of one batch; a batch is a process, and bounded as its input and its time are.
constexpr size_t kMostRecords = 128, kMostBytes = size_t{1} << 20, kMostFailures = 20;

bool is_template(std::string_view source) {
  return source.find("{{") != std::string_view::npos || source.find("{%") != std::string_view::npos ||
         source.find("{#") != std::string_view::npos;
}

/// A Jinja text that prints `text`, quotes and line breaks included.
std::string literal(const std::string& text) {
  return "{{" + Json(text).dump() + "}}";
}

/// The engine's lists have no index(); rouse-template has a function for it.
std::string with_index(const std::string& source) {
  static const std::regex kIndex(R"(([A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_][A-Za-z_0-9]*)*)\.index\()");
  std::string out;
  for (size_t at = 0; at < source.size();) {
    const size_t begin = std::min(source.find('{', at), source.size());
    out += source.substr(at, begin - at);
    const bool code = begin + 1 < source.size() && (source[begin + 1] == '{' || source[begin + 1] == '%');
    const size_t end =
        code ? std::min(source.find(source[begin + 1] == '{' ? "}}" : "%}", begin), source.size())
             : begin + 1;
    const std::string part = source.substr(begin, end - begin);
    out += code ? std::regex_replace(part, kIndex, "index_of($1, ") : part;
    at = end;
  }
  return out;
}

/// Whether a block that is next in the text takes the white space before it (`{%-`).
bool takes_blanks(std::string_view rest) {
  const size_t at = rest.find_first_not_of(" \t\n");
  if (at == std::string_view::npos) return false;
  rest.remove_prefix(at);
  return rest.starts_with("{%-") || rest.starts_with("{#-") || rest.starts_with("{{-");
}

/// The engine drops what chat templates want dropped: a line break after a block, blanks before one, a line
/// break at the end. lm-evaluation-harness keeps all of it, but where a `-` says otherwise.
std::string untrimmed(const std::string& source) {
  std::string out;
  size_t line = 0;  // where in `out` the line begins
  for (size_t i = 0; i < source.size(); ++i) {
    const std::string_view rest = std::string_view(source).substr(i);
    const bool block = rest.starts_with("{%") || rest.starts_with("{#");
    if (block && !takes_blanks(rest) && out.size() > line &&
        out.find_first_not_of(" \t", line) == std::string::npos) {
      const std::string blanks = out.substr(line);
      const std::string_view before = trim(out);
      const bool taken = before.ends_with("-%}") || before.ends_with("-#}") || before.ends_with("-}}");
      out.resize(line);
      out += taken ? blanks : literal(blanks);
    }
    out += source[i];
    const bool ends = i > 1 && source[i] == '}' && (source[i - 1] == '%' || source[i - 1] == '#');
    if (ends && source[i - 2] != '-' && rest.substr(1).starts_with('\n') && !takes_blanks(rest.substr(1))) {
      out += literal("\n");
      ++i;
    }
    if (source[i] == '\n') line = out.size();
  }
  // The engine takes a first character that a block follows for a blank.
  const bool lost = source.size() > 2 && source[0] != '{' && source[1] == '{';
  return (lost ? "{{\"\"}}" : "") + out + "\n";
}

/// The expression of a template that is nothing else; "" of any other.
std::string lone_expression(const std::string& source) {
  const std::string_view text = trim(source);
  if (text.size() < 5 || !text.starts_with("{{") || !text.ends_with("}}")) return "";
  std::string_view inner = text.substr(2, text.size() - 4);
  for (const char* other : {"{{", "}}", "{%", "{#"})
    if (inner.find(other) != std::string_view::npos) return "";
  if (inner.starts_with('-')) inner.remove_prefix(1);
  if (inner.ends_with('-')) inner.remove_suffix(1);
  return std::string(trim(inner));
}

std::vector<std::string> rendered(const std::string& source, const std::string& place,
                                  std::span<const EvalJson* const> records) {
  TemplateJob job;
  job.source = source;
  job.place = place;
  job.plain = Json::object();
  job.kind = ErrorKind::usage;
  job.strict = true;
  job.conversations.resize(records.size());
  for (const EvalJson* record : records) job.inputs.push_back(*record);
  std::vector<std::string> out;
  for (const std::vector<TextPart>& parts : render_template(job)) {
    out.emplace_back();
    for (const TextPart& part : parts) out.back() += part.text;
  }
  return out;
}

/// One template over records, in batches; where a batch fails, one by one, so that only what is wrong fails.
class Renderer {
 public:
  Renderer(std::string source, std::string place) : source_(std::move(source)), place_(std::move(place)) {}

  std::vector<Made> all(std::span<const EvalJson* const> records) {
    for (size_t first = 0; first < records.size();) {
      size_t n = 0;
      for (size_t n_byte = 0; first + n < records.size() && n < kMostRecords; ++n) {
        n_byte += records[first + n]->dump().size();
        if (n > 0 && n_byte > kMostBytes) break;
      }
      some(records.subspan(first, n));
      first += n;
    }
    return std::move(out_);
  }

 private:
  void some(std::span<const EvalJson* const> records) {
    try {
      for (std::string& text : rendered(source_, place_, records)) out_.push_back({std::move(text), ""});
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::internal) throw;
      if (records.size() == 1) return fail(e.what());
      for (size_t i = 0; i < records.size(); ++i) some(records.subspan(i, 1));
    }
  }
  void fail(const std::string& error) {
    if (first_.empty()) first_ = error;
    require_usage(++n_failed_ < kMostFailures, first_);
    out_.push_back({nullptr, error});
  }

  std::string source_, place_, first_;
  std::vector<Made> out_;
  size_t n_failed_ = 0;
};

/// lm-evaluation-harness reads a text in brackets as a list, in Python's notation; a comma may end it there.
EvalJson list_or_text(const std::string& text) {
  std::string_view list = trim(text);
  if (!list.starts_with('[') || !list.ends_with(']')) return text;
  std::string inner(trim(list.substr(0, list.size() - 1)));
  if (inner.ends_with(',')) inner.pop_back();
  try {
    return parse_json(inner + "]", "");
  } catch (const Error&) {
    return text;
  }
}

}  // namespace

std::vector<Made> TaskTemplate::made(std::span<const EvalJson* const> records, bool texts) const {
  const std::string expression = texts ? "" : lone_expression(source_);
  std::vector<Made> out;
  if (is_template(source_)) {
    const std::string source =
        expression.empty() ? untrimmed(source_) : "{{ (" + expression + ") | tojson }}";
    out = Renderer(with_index(source), place_).all(records);
  } else {
    out.assign(records.size(), {source_, ""});
  }
  for (size_t i = 0; i < records.size(); ++i) {
    Made& m = out[i];
    if (const auto field = records[i]->find(source_); field != records[i]->end())
      m = {*field, ""};
    else if (m.error.empty() && !expression.empty())
      m.value = parse_json(m.value.get_ref<const std::string&>(), place_);
    else if (m.error.empty() && !texts)
      m.value = list_or_text(m.value.get<std::string>());
    if (!texts || !m.error.empty() || m.value.is_string()) continue;
    if (m.value.is_number())
      m.value = m.value.dump();
    else
      m.error = cat(place_, ": field ", source_, " is ", json_text(m.value), ", expected text");
  }
  return out;
}

std::vector<Made> TaskTemplate::texts(std::span<const EvalJson* const> records) const {
  return made(records, true);
}
std::vector<Made> TaskTemplate::values(std::span<const EvalJson* const> records) const {
  return made(records, false);
}

}  // namespace rouse
