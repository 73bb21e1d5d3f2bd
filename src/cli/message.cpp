#include "cli/message.h"

#include <string_view>

namespace rouse {

/// What helps, by the subject of an error.
struct Hint {
  std::string_view subject, text;
};
static constexpr Hint kHints[] = {
    {"model", "give -m FILE or -hf OWNER/REPO"},
    {"n_ctx", "raise -c"},
    {"n_cell", "lower -c or --parallel"},
    {"amateur", "give --amateur FILE"},
    {"force", "--force begins anew, or choose another -o"},
    {"certify", "--no-certify leaves it out"},
    {"shrink", "--no-shrink leaves it out"},
    {"chat_template", "use --raw, or --chat-template NAME or file:PATH"},
    {"unsafe_exec", "--unsafe-exec runs them with limits alone, as you, with your files and your network"},
};

std::string message_of(const Error& e) {
  std::string text = e.what();
  const std::string& subject = e.subject();
  for (const Hint& hint : kHints)
    if (hint.subject == subject) text += cat("; ", hint.text);
  return text;
}

}  // namespace rouse
