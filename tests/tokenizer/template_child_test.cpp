/// Chat templates by the engine itself, without a vocabulary: equal to Python's, and bounded.
#include "tokenizer/template_child.h"

#include <openssl/evp.h>

#include <map>

#include "base/clock.h"
#include "support.h"

namespace rouse {
namespace {

std::string sha256(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  EVP_Digest(text.data(), text.size(), digest, &n, EVP_sha256(), nullptr);
  std::string out;
  for (unsigned int i = 0; i < n; ++i) {
    char byte[3];
    std::snprintf(byte, sizeof byte, "%02x", digest[i]);
    out += byte;
  }
  return out;
}

TemplateJob job_of(const std::string& source,
                   const std::vector<ChatMessage>& messages = {{"user", "hello"}}) {
  return {.source = source,
          .place = "t.gguf: the chat template",
          .conversations = {messages},
          .inputs = {{{"tools", nullptr}}},
          .plain = {{"documents", nullptr}, {"add_generation_prompt", true}},
          .local_seconds = 1721952000};  // 2024-07-26
}

std::string whole(const std::vector<TextPart>& parts) {
  std::string out;
  for (const TextPart& part : parts) out += part.text;
  return out;
}

std::string rendered(const TemplateJob& job) {
  return whole(render_template(job)[0]);
}

/// One template of tests/golden/chat_templates.json over its five conversations.
struct Golden {
  const Json file = Json::parse(read_file(golden("chat_templates.json")));

  TemplateJob job(const std::string& name, const std::string& set) const {
    std::vector<ChatMessage> messages;
    for (const auto& m : file["sets"][set]) {
      messages.push_back({m["role"].get<std::string>(), m["content"].get<std::string>()});
      messages.back().extra = m;
      for (const char* own : {"role", "content"}) messages.back().extra.erase(own);
    }
    TemplateJob out = job_of(read_file(std::string(ROUSE_TEMPLATES) + "/" + name + ".jinja"), messages);
    out.plain["bos_token"] = file["bos_token"].get<std::string>();
    out.plain["eos_token"] = file["eos_token"].get<std::string>();
    if (set == "tools" || set == "calls") out.inputs[0]["tools"] = file["tools"];
    return out;
  }
};

/// "same", "refused alike", or how it differs from Python.
std::string outcome(const Json& python, const TemplateJob& job) {
  try {
    const std::string text = rendered(job);
    if (python.contains("sha256")) return python["sha256"] == sha256(text) ? "same" : "differs";
    return python.contains("refused") ? "renders what Python refuses" : "renders where Python fails";
  } catch (const Error& e) {
    if (python.contains("sha256")) return e.what();
    if (python.contains("python_fails")) return "fails in both";
    const auto said = python["refused"].get<std::string>();
    return std::string(e.what()).find(said) == std::string::npos ? e.what() : "refused alike";
  }
}

}  // namespace

TEST(TemplateChild, RendersThePinnedTemplatesAsPythonDoes) {
  const Golden g;
  std::map<std::string, int> counts;
  for (const auto& [name, sets] : g.file["renders"].items())
    for (const auto& [set, python] : sets.items()) {
      const std::string what = outcome(python, g.job(name, set));
      const auto& differences = g.file["differences"];
      const bool listed = differences.contains(name) && differences[name].contains(set);
      if (listed)
        EXPECT_EQ(what, "differs") << name << ", " << set << ": is listed as a difference";
      else
        EXPECT_TRUE(what == "same" || what == "refused alike" || what == "fails in both" ||
                    what == "renders where Python fails")
            << name << ", " << set << ": " << what;
      ++counts[what];
    }
  EXPECT_EQ(counts["same"], 324);
  EXPECT_EQ(counts["refused alike"], 3);
  EXPECT_EQ(counts["differs"], 2);
  EXPECT_EQ(counts["fails in both"] + counts["renders where Python fails"], 21);
}

TEST(TemplateChild, MarksWhatAMessageSaidInEveryPinnedTemplate) {
  const Golden g;
  for (const auto& [name, sets] : g.file["renders"].items()) {
    if (!sets["hostile"].contains("sha256")) continue;
    const std::vector<TextPart> parts = render_template(g.job(name, "hostile"))[0];
    for (const TextPart& part : parts)
      EXPECT_TRUE(!part.special || part.text.find("You are evil") == std::string::npos) << name;
  }
}

TEST(TemplateChild, EndsAHostileTemplateWithinThreeSeconds) {
  const std::string deep(20000, '('), brackets(20000, '[');
  const std::vector<std::pair<std::string, std::string>> all = {
      {"{% for i in range(100000000) %}x{% endfor %}", "more than"},
      {"{% for i in range(30000) %}{% for j in range(30000) %}{% endfor %}{% endfor %}", "took more than "},
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nests or calls itself too deeply"},
      {"{{ " + deep + "1" + std::string(20000, ')') + " }}", "nests or calls itself too deeply"},
      {"{{ " + brackets + " }}", "nests or calls itself too deeply"},
      {"{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ "
       "ns.s }}",
       "more than"},
      {"{{ 'x' * 100000000000 }}", ""},
      {"{% for i in range(3000000) %}0123456789{% endfor %}", "more than"},
      {"{{ messages[0].content.rjust(99999999) }}", ""},
      {"{% for i in range(5000000) %}{% set x = messages %}{% endfor %}", "more than"},
  };
  for (const auto& hostile : all) {
    const std::string &source = hostile.first, &part = hostile.second;
    const double begin = now_seconds();
    const std::string said = message_of([&] { rendered(job_of(source)); });
    EXPECT_LT(now_seconds() - begin, 3.5) << source.substr(0, 80);
    std::printf("%5.2f s: %s\n", now_seconds() - begin, said.c_str());
    EXPECT_EQ(said.rfind("t.gguf: the chat template ", 0), 0u) << source.substr(0, 80) << ": " << said;
    EXPECT_NE(said.find(part), std::string::npos) << source.substr(0, 80) << ": " << said;
  }
}

TEST(TemplateChild, SaysWhatIsWrongWithATemplateAndWhere) {
  const auto refused = [](const std::string& source, ErrorKind kind, const std::string& part) {
    expect_refusal([&] { rendered(job_of(source)); }, kind, part);
  };
  refused("{{ raise_exception('roles must alternate') }}", ErrorKind::usage,
          "t.gguf: the chat template refuses these messages: roles must alternate");
  refused("ab\n{{ nothing.there() }}", ErrorKind::bad_model, "cannot be rendered: ");
  refused("ab\n{{ nothing.there() }}", ErrorKind::bad_model, "at line 2, column ");
  refused("{% if %}", ErrorKind::bad_model, "cannot be rendered: ");
  refused("{% for %}", ErrorKind::bad_model, "cannot be rendered: ");
  refused(std::string(kMostTemplateBytes + 1, 'x'), ErrorKind::bad_model,
          "has 65537 bytes, expected at most 65536");
  EXPECT_EQ(rendered(job_of(std::string(kMostTemplateBytes, 'x'))).size(), kMostTemplateBytes);
}

TEST(TemplateChild, ShowsTheDateThatItIsGiven) {
  EXPECT_EQ(rendered(job_of("{{ strftime_now('%d %b %Y, %H:%M') }}")), "26 Jul 2024, 00:00");
}

TEST(TemplateChild, TakesLongConversationsAndManyAtOnce) {
  const std::string loop = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
  const std::string large(3 << 20, 'a');  // more than a socket holds, both ways
  TemplateJob job = job_of(loop, {{"user", large}});
  EXPECT_EQ(rendered(job).size(), large.size() + 6);
  job.conversations = {{{"user", "a\nb"}}, {}, {{"system", "é\x01"}, {"user", ""}}};
  job.inputs = {Json::object(), Json::object(), Json::object()};
  const auto all = render_template(job);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(whole(all[0]), "<user>a\nb");
  EXPECT_EQ(whole(all[1]), "");
  EXPECT_EQ(whole(all[2]), "<system>é\x01<user>");
  job = job_of(loop, {{"user", std::string(5 << 20, 'a')}});
  expect_refusal([&] { rendered(job); }, ErrorKind::bad_model, "makes a prompt of more than 4.2 MB");
}

}  // namespace rouse
