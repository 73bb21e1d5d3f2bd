/// Files and presets by name, and that a request reaches nothing else.
#include "session/names.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/known.h"
#include "base/quoting.h"
#include "session/request.h"
#include "support.h"

namespace rouse {
namespace {

RouterSpec router() {
  RouterSpec r;
  r.n_expert = 3;
  r.n_expert_used = 2;
  r.layers = {0, 2};
  return r;
}

Plan plan_with(double impact) {
  Plan p = Plan::empty(router(), "llama", 3);
  p.impact[0] = {0, 0, impact};
  return p;
}

struct Files {
  Files() {
    save_plan(plan_with(1), dir / "plan.json");
    std::ofstream trace(dir / "trace.jsonl");
    write_trace_header(trace, "llama", router());
    write_trace_row(trace, {0, 5, {{1, 2}, {0, 1}}, {{0.5f, 0.25f}, {0.5f, 0.25f}}});
    trace.close();
    ItiFile heads;
    heads.arch = "llama", heads.n_layer = 3, heads.n_head = 1, heads.width = 2;
    heads.heads = {{0, 0, 0.75, 1.5, {0.6f, -0.8f}}};
    save_iti(heads, dir / "heads.json");
    SteerFile steer = SteerFile::empty(router(), "llama", 3);
    steer.difference[0][1] = 0.5;
    save_steer(steer, dir / "steer.json");
    auto all = std::make_shared<Names>();
    all->add_file("calm=" + (dir / "steer.json"));
    all->add_file("facts=" + (dir / "plan.json"));
    all->add_file("walk=" + (dir / "trace.jsonl"));
    all->add_file("truth=" + (dir / "heads.json"));
    all->add_preset("careful=scmoe beta=0.8 routing=plan:facts,lambda=0.2,any-quant");
    names = all;
  }
  TempDir dir;
  std::shared_ptr<const Names> names;
};

Request ask(const Json& record, const RequestRules& rules) {
  return read_request(JsonValue(record, ""), {}, rules);
}

/// What routing by that policy is refused with, where only names count.
std::string why(const std::shared_ptr<const Names>& names, const std::string& routing) {
  return message_of([&] {
    const Request r = ask({{"routing", routing}}, {.names = names});
    RoutingPolicy(r.method.routing, router(), files_of(r.method));
  });
}

}  // namespace

TEST(Names, FilesAreReadOnceAndCalledByName) {
  const Files files;
  const Request r = ask({{"routing", "plan:facts,any-quant"}}, {.names = files.names});
  const RoutingPolicy before(r.method.routing, router(), files_of(r.method));
  EXPECT_EQ(before.text(), "plan:facts,lambda=0.1,any-quant");
  save_plan(plan_with(2), files.dir / "plan.json");
  std::filesystem::remove(files.dir / "trace.jsonl");
  const RoutingPolicy after(r.method.routing, router(), files_of(r.method));
  EXPECT_EQ(after.hash(), before.hash()) << "what lies on the disk later has no effect";
  const std::string path = "plan:" + quote(files.dir / "plan.json") + ",any-quant";
  EXPECT_NE(RoutingPolicy(path, router()).choice().content_hash(), before.choice().content_hash());
  EXPECT_EQ(RoutingPolicy("replay:walk", router(), *files.names).text(), "replay:walk");
  EXPECT_EQ(files.names->iti("truth")->heads.size(), 1u);
  EXPECT_EQ(files.names->iti("truth")->path, "truth") << "messages show no path";
  EXPECT_EQ(files.names->iti_text("truth"), read_file(files.dir / "heads.json"));
}

TEST(Names, ARequestReachesNoFile) {
  const Files files;
  const std::string real = files.dir / "plan.json", link = files.dir / "link.json", pipe = files.dir / "pipe";
  std::filesystem::create_symlink(real, link);
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);  // who opens it waits for ever
  std::vector<std::string> texts{real,
                                 link,
                                 pipe,
                                 files.dir / "nothing",
                                 "/etc/passwd",
                                 "../" + real,
                                 "./facts",
                                 "facts/",
                                 "facts ",
                                 "FACTS",
                                 "walk",
                                 "truth",
                                 "careful",
                                 std::string("facts\0", 6),
                                 std::string("facts\0/../x", 11),
                                 real + std::string(1, '\0'),
                                 std::string(60000, 'x')};
  const std::vector<std::string> facts{"facts"}, truth{"truth"}, walk{"walk"};
  for (const std::string& text : texts) {
    const std::string shown = json_text(text);
    EXPECT_EQ(why(files.names, "plan:" + quote(text)),
              "plan " + shown + " is not known here" + known_names(text, facts));
    EXPECT_EQ(message_of([&] { (void)files.names->iti(text); }),
              text == "truth" ? "" : "iti " + shown + " is not known here" + known_names(text, truth));
    if (text == "walk") continue;
    EXPECT_EQ(why(files.names, "replay:" + quote(text)),
              "trace " + shown + " is not known here" + known_names(text, walk));
  }
  EXPECT_EQ(why(std::make_shared<Names>(), "plan:" + real),
            "plan " + json_text(real) + " is not known here; known: none");
  EXPECT_EQ(message_of([&] {
              ask({{"amateur", real}}, {.names = files.names});
            }),
            "amateur is given when rouse starts, not by a request");
  EXPECT_EQ(message_of([&] { ask({{"file", real}}, {.names = files.names}); }), "unknown key \"file\"");
}

/// Every text option of a method at a path: what is asked for is refused by name, or has nothing to open.
TEST(Names, NoOptionOfAMethodOpensAPath) {
  const Files files;
  const TinyModel tiny(golden("mixtral.gguf"));
  const std::string pipe = files.dir / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const MethodEntry& method : method_registry())
    for (const MethodOption& option : method_options()) {
      if (option.spec.type != OptionType::text || !method_reads(method.name, option.spec.name)) continue;
      for (const std::string& value : {pipe, "plan:" + pipe, "replay:" + pipe, "topk+steer:" + pipe}) {
        const std::string message = message_of([&] {
          Json record{{"method", method.name}};
          record[option.spec.name] = value;
          make_method(ask(record, {.names = files.names}).method, tiny.models());
        });
        EXPECT_NE(message, "") << method.name << " " << option.spec.name << "=" << value;
        EXPECT_EQ(message.find("cannot open"), std::string::npos) << message;
      }
    }
}

TEST(Names, APresetIsAMethodWithItsOptions) {
  const Files files;
  for (const char* key : {"method", "preset"}) {
    const Request r = ask({{key, "careful"}, {"alpha", 0.3}}, {.names = files.names});
    EXPECT_EQ(r.method.name, "scmoe");
    EXPECT_EQ(r.method.beta, 0.8f);
    EXPECT_EQ(r.method.alpha, 0.3f);
    EXPECT_EQ(r.method.routing, "plan:facts,lambda=0.2,any-quant");
    EXPECT_EQ(RoutingPolicy(r.method.routing, router(), files_of(r.method)).text(),
              "plan:facts,lambda=0.2,any-quant");
  }
  EXPECT_EQ(ask({{"preset", "careful"}, {"method", "scmoe"}}, {.names = files.names}).method.beta, 0.8f);
  EXPECT_EQ(message_of([&] {
              ask({{"preset", "careful"}, {"method", "dola"}}, {.names = files.names});
            }),
            "method is \"dola\", but the preset's is scmoe");
  EXPECT_EQ(message_of([&] {
              ask({{"preset", "../x"}}, {.names = files.names});
            }),
            "preset \"../x\" is not known here; known: careful");
}

TEST(Names, AreRefusedAtTheStart) {
  const Files files;
  Names names;
  names.add_file("facts=" + (files.dir / "plan.json"));
  const auto refused = [&](const std::string& text, const std::string& part) {
    EXPECT_NE(message_of([&] { names.add_file(text); }).find(part), std::string::npos)
        << message_of([&] { names.add_file(text); });
  };
  refused("facts", "name is \"facts\", expected NAME=FILE");
  refused("a/b=x", "name: the name is \"a/b\", expected 1 to 64 letters");
  refused("=x", "name: the name is \"\"");
  refused("facts=" + (files.dir / "trace.jsonl"), "name: facts is given twice");
  refused("x=" + (files.dir / "none"), "none: cannot open");
  std::ofstream(files.dir / "notes") << "notes of mine";
  refused("x=" + (files.dir / "notes"), "notes: is not a plan, a trace or a file of `rouse steer fit`");
  std::ofstream(files.dir / "broken") << R"({"format":"rouse-plan","version":3})";
  refused("x=" + (files.dir / "broken"), "version is 3");
  EXPECT_EQ(message_of([&] { names.add_preset("scmoe=greedy"); }), "preset: scmoe is a method already");
  EXPECT_EQ(message_of([&] { names.add_preset("p=scmoe beta=-1"); }),
            "preset p: method \"scmoe beta=-1\": beta is -1, expected a number in [0, 1e+06]");

  const TinyModel tiny(golden("mixtral.gguf"));
  names.add_preset("lost=plan:elsewhere.json");
  EXPECT_EQ(message_of([&] { names.check_presets(tiny.models()); }),
            "preset lost: plan \"elsewhere.json\" is not known here; known: facts");
}

/// A steering file is named like a plan: no text of a request opens a path.
TEST(Names, SteeringIsByNameAlone) {
  const Files files;
  EXPECT_EQ(why(files.names, "topk+steer:calm,n=3,any-quant"), "");
  const std::string there = why(files.names, "topk+steer:" + files.dir / "steer.json"),
                    not_there = why(files.names, "topk+steer:/nowhere");
  EXPECT_NE(there.find("is not known here; known: calm"), std::string::npos) << there;
  EXPECT_NE(not_there.find("steering \"/nowhere\" is not known here; known: calm"), std::string::npos)
      << not_there;
  const RoutingPolicy before("topk+steer:calm,n=3,any-quant", router(), *files.names);
  EXPECT_EQ(before.text(), "topk+steer:calm,n=3,strength=1,any-quant");
  std::ofstream(files.dir / "steer.json") << "gone";
  EXPECT_EQ(RoutingPolicy("topk+steer:calm,n=3,any-quant", router(), *files.names).hash(), before.hash())
      << "read once";
}

/// The command line may also name paths; names come first.
TEST(Names, OfTheCommandLineStandBesideItsPaths) {
  const Files files;
  const auto both = names_or_paths(files.names);
  EXPECT_EQ(both->plan("facts"), files.names->plan("facts"));
  EXPECT_EQ(plan_text(*both->plan(files.dir / "plan.json")), plan_text(plan_with(1)));
  expect_refusal([&] { (void)both->plan("none"); }, ErrorKind::bad_file, "none: cannot open");
}

}  // namespace rouse
