#include "cli/message.h"

#include <algorithm>
#include <string_view>

namespace rouse {

/// What helps, by the subject of an error.
struct Hint {
  std::string_view subject, text;
};
static constexpr Hint kHints[] = {
    {"n_ctx", "raise -c"},
    {"force", "--force begins anew, or choose another -o"},
    {"chat_template", "use --raw, or --chat-template NAME"},
    {"unsafe_exec", "--unsafe-exec runs them with limits alone, as you, with your files and your network"},
};

std::string message_of(const Error& e) {
  std::string text = e.what();
  const std::string& subject = e.subject();
  if (subject.empty()) return text;
  if (text.starts_with(subject + " ") || text.starts_with(subject + ":")) {
    std::string flag = "--" + subject;
    std::replace(flag.begin(), flag.end(), '_', '-');
    text.replace(0, subject.size(), flag);
  }
  for (const Hint& hint : kHints)
    if (hint.subject == subject) text += cat("; ", hint.text);
  return text;
}

}  // namespace rouse
