/// cli/completions.cpp - what shells offer after `rouse`.
#include "base/text.h"
#include "cli/command.h"
#include "cli/manual.h"

namespace rouse {
namespace {

/// Within '...' of a shell.
std::string single_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<std::string> names_of(const CommandPage& page) {
  std::vector<std::string> out;
  for (const FlagPage& flag : page.flags) out.insert(out.end(), flag.names.begin(), flag.names.end());
  return out;
}

/// The body that bash and zsh share: from `line` (the words before the one at hand), `before` (the last of
/// them) and `now` (what stands at hand) to `found`, the words that can follow; nothing where it is a file.
std::string matching(const std::vector<CommandPage>& pages) {
  std::string steps, values, words;
  for (const CommandPage& page : pages) {
    const size_t space = page.name.rfind(' ');
    const std::string above = space == std::string::npos ? "" : page.name.substr(0, space);
    if (!page.name.empty())
      steps += cat("      '", above, " ", page.name.substr(space + 1), "') command='", page.name, "' ;;\n");
    for (const FlagPage& flag : page.flags) {
      if (!flag.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : flag.names) patterns.push_back(cat("'", page.name, " ", name, "'"));
      values += cat("    ", join(patterns, "|"), ") found='", join(flag.words, " "), "'; return ;;\n");
    }
    words += cat("    '", page.name, "') flags='", join(names_of(page), " "), "'; commands='",
                 join(page.commands, " "), "' ;;\n");
  }
  return cat("  local command='' word flags='' commands=''\n  for word in \"${line[@]}\"; do\n",
             "    case \"$command $word\" in\n", steps, "    esac\n  done\n",
             "  case \"$command $before\" in\n", values, "  esac\n  case \"$command\" in\n", words,
             "  esac\n", "  case \"$now\" in -*) found=$flags ;; *) found=$commands ;; esac\n");
}

std::string bash(const std::vector<CommandPage>& pages) {
  return cat(
      "# rouse for bash: source this file, or put it into ~/.local/share/bash-completion/completions/rouse\n",
      "_rouse_words() {\n", matching(pages), "}\n_rouse() {\n",
      "  local now=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} found=''\n",
      "  local line=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n  _rouse_words\n",
      "  COMPREPLY=($(compgen -W \"$found\" -- \"$now\"))\n}\n", "complete -o default -F _rouse rouse\n");
}

std::string zsh(const std::vector<CommandPage>& pages) {
  return cat("#compdef rouse\n# rouse for zsh: put this file into a folder of $fpath as _rouse\n",
             "_rouse_words() {\n", matching(pages), "}\n_rouse() {\n",
             "  local now=${words[CURRENT]} before=${words[CURRENT-1]} found=''\n",
             "  local -a line=(\"${(@)words[2,CURRENT-1]}\")\n  _rouse_words\n",
             "  if [[ -n $found ]]; then compadd -- ${=found}; else _files; fi\n}\n",
             "if [[ $funcstack[1] == _rouse ]]; then _rouse \"$@\"; else compdef _rouse rouse; fi\n");
}

std::string fish(const std::vector<CommandPage>& pages) {
  std::string out = "# rouse for fish: put this file into ~/.config/fish/completions/rouse.fish\n";
  for (const CommandPage& page : pages) {
    std::string when;
    for (const std::string& word : split(page.name, ' '))
      if (!word.empty()) when += cat(when.empty() ? "" : "; and ", "__fish_seen_subcommand_from ", word);
    if (when.empty()) when = "__fish_use_subcommand";
    for (const std::string& command : page.commands) {
      const std::string name = page.name.empty() ? command : page.name + " " + command;
      std::string help;
      for (const CommandPage& other : pages)
        if (other.name == name) help = other.help;
      out += cat("complete -c rouse -n ", single_quoted(when), " -f -a ", command, " -d ",
                 single_quoted(help), "\n");
    }
    for (const FlagPage& flag : page.flags) {
      out += cat("complete -c rouse -n ", single_quoted(when));
      for (const std::string& name : flag.names)
        out += name.starts_with("--") ? cat(" -l ", name.substr(2))
               : name.size() == 2     ? cat(" -s ", name.substr(1))
                                      : cat(" -o ", name.substr(1));
      if (flag.takes_value)
        out += flag.words.empty() ? " -r" : " -x -a " + single_quoted(join(flag.words, " "));
      out += cat(" -d ", single_quoted(flag.help.substr(0, flag.help.find(';'))), "\n");
    }
  }
  return out;
}

}  // namespace

std::string completions(const std::vector<CommandPage>& pages, const std::string& shell) {
  if (shell == "bash") return bash(pages);
  if (shell == "zsh") return zsh(pages);
  require_option(shell == "fish", "completions", " is ", json_text(shell), ", expected bash, zsh or fish");
  return fish(pages);
}

}  // namespace rouse
