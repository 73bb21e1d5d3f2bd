/// template/main.cpp - the program rouse-template: one chat template over one request, in a process that may
/// take little time and memory and can reach nothing else.
///
/// A template comes with a model file, so it is a program by a stranger. The engine (common/jinja of the
/// pinned llama.cpp) bounds neither loops nor recursion nor memory: limits of the kernel do.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <new>
#include <string>

#include "jinja/lexer.h"
#include "jinja/parser.h"
#include "jinja/runtime.h"
#include "json.h"
#include "template/confine.h"
#include "template/protocol.h"

/// What the engine's JSON calls where it contradicts itself; all it needs of ggml.
extern "C" void ggml_abort(const char*, int, const char*, ...) {
  std::abort();
}

namespace rouse::template_program {
namespace {

std::string read_all(int fd) {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, static_cast<size_t>(n));
  }
}

void write_all(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(kBadRequest);  // nobody reads
    done += static_cast<size_t>(n);
  }
}

[[noreturn]] void answer(const std::string& text) {
  write_all(STDOUT_FILENO, text);
  _exit(kOk);
}

/// Roles are rouse's words and may be part of a control token's name; what was written is input.
jinja::value messages_of(const common_json& messages) {
  auto out = jinja::mk_val<jinja::value_array>();
  for (const common_json& m : messages) {
    auto message = jinja::mk_val<jinja::value_object>();
    auto content = jinja::mk_val<jinja::value_string>(m.at("content").get<std::string>());
    content->mark_input();
    message->insert("role", jinja::mk_val<jinja::value_string>(m.at("role").get<std::string>()));
    message->insert("content", content);
    if (const common_json& extra = m.at("extra"); extra.is_object()) {
      jinja::context values;  // the way to a value that is not the engine's own secret
      jinja::global_from_json(values, extra, true);
      for (auto it = extra.begin(); it != extra.end(); ++it)
        message->insert(it.key(), values.get_val(it.key()));
    }
    out->push_back(message);
  }
  return out;
}

/// What the engine prints as nothing, jinja2 of lm-evaluation-harness refuses or writes out.
void refuse_unprintable(const std::vector<jinja::value>& printed) {
  for (const jinja::value& v : printed) {
    if (v->is_undefined()) {
      const std::string& name = jinja::cast_val<jinja::value_undefined>(v)->hint;
      if (name.empty()) continue;  // a statement, which prints nothing
      throw std::runtime_error("Error: " + (name == "object_property" ? "a member of a value" : name) +
                               " is not there");
    }
    if (v->is_none()) throw std::runtime_error("Error: a value to print is null");
    if (jinja::is_val<jinja::value_object>(v) || jinja::is_val<jinja::value_array>(v))
      throw std::runtime_error("Error: a value to print is a list or an object");
  }
}

/// Python's list.index, which the engine lacks.
jinja::value index_of(const jinja::func_args& args) {
  const jinja::value list = args.get_pos(0), wanted = args.get_pos(1);
  for (size_t i = 0; i < list->as_array().size(); ++i)
    if (*list->as_array()[i] == *wanted) return jinja::mk_val<jinja::value_int>(static_cast<int64_t>(i));
  throw std::runtime_error("Error: index() finds no such value in the list");
}

std::string render(const jinja::program& program, const common_json& request, const common_json& variables,
                   const common_json& messages) {
  jinja::context context(request.at("template").get<std::string>());
  context.current_time = static_cast<std::time_t>(request.at("now").get<int64_t>());
  jinja::global_from_json(context, request.at("plain"), false);
  jinja::global_from_json(context, variables, true);
  const bool strict = request.at("strict").get<bool>();
  if (strict)
    context.set_val("index_of", jinja::mk_val<jinja::value_func>("index_of", index_of));
  else
    context.set_val("messages", messages_of(messages));
  const jinja::value results = jinja::runtime(context).execute(program);
  if (strict) refuse_unprintable(results->as_array());
  const auto parts = jinja::runtime::gather_string_parts(results)->val_str.parts;
  std::string out = "=" + std::to_string(parts.size()) + "\n";
  for (const jinja::string_part& part : parts) {
    out += (part.is_input ? "i" : "t") + std::to_string(part.val.size()) + "\n" + part.val;
    if (out.size() > kOutputBytes) _exit(kTooLong);
  }
  return out;
}

std::string render_all(const common_json& request) {
  jinja::lexer lexer;
  const jinja::program program =
      jinja::parse_from_tokens(lexer.tokenize(request.at("template").get<std::string>()));
  const common_json& conversations = request.at("conversations");
  std::string out;
  for (size_t i = 0; i < conversations.size(); ++i)
    out += render(program, request, request.at("inputs").at(i), conversations.at(i));
  if (out.size() > kOutputBytes) _exit(kTooLong);
  return out;
}

/// Of what the engine says, the reason, and where in the template; it also shows the source there.
std::string message_of(const std::string& text, const std::string& raised) {
  if (const size_t at = text.rfind(raised); at != std::string::npos) return text.substr(at + raised.size());
  const size_t error = text.rfind("Error: "), line = text.find(" at line ");
  std::string out = error == std::string::npos ? text.substr(0, text.find('\n')) : text.substr(error + 7);
  if (line != std::string::npos) out += text.substr(line, text.find(" in source", line) - line);
  return out;
}

template <class Resource>
void limit(Resource what, rlim_t most, rlim_t hard) {
  rlimit now{};
  getrlimit(what, &now);
  now.rlim_max = std::min(now.rlim_max, hard);
  now.rlim_cur = std::min(now.rlim_max, most);
  setrlimit(what, &now);
}
template <class Resource>
void limit(Resource what, rlim_t most) {
  limit(what, most, most);
}

}  // namespace

int run() {
#ifdef SYS_close_range
  syscall(SYS_close_range, 3u, ~0u, 0u);
#endif
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_STACK, kStackBytes);
  limit(RLIMIT_CPU, kCpuSeconds, kCpuSeconds + 1);  // the first by a signal that tells
  limit(RLIMIT_AS, kMemoryBytes);
  std::set_new_handler([] { _exit(kOutOfMemory); });
  setenv("TZ", "UTC0", 1);  // `now` is the local clock already; and strftime opens no file
  tzset();
  const std::string text = read_all(STDIN_FILENO);
  confine();
  common_json request;
  try {
    request = common_json::parse(text);
  } catch (const std::exception&) {
    return kBadRequest;
  }
  try {
    answer(render_all(request));
  } catch (const std::exception& e) {
    const std::string said = e.what(), raised = "Jinja Exception: ";
    const char kind = said.find(raised) == std::string::npos ? kFailed : kRefused;
    answer(std::string("!") + kind + "\n" + message_of(said, raised));
  }
}

}  // namespace rouse::template_program

int main() {
  return rouse::template_program::run();
}
