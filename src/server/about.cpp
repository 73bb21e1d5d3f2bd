/// server/about.cpp - what the server is and holds.
#include "server/answers.h"
#include "server/openapi.h"
#include "server/routes.h"
#include "session/methods_json.h"

namespace rouse {

void list_methods(Exchange& x) {
  x.reply(methods_json());
}

void about_model(Exchange& x) {
  const Session& s = x.service.session();
  const RouterSpec& router = s.router();
  x.reply({{"id", x.service.id()},
           {"architecture", s.engine->spec().arch},
           {"fingerprint", x.service.fingerprint()},
           {"n_layer", s.engine->spec().n_layer},
           {"moe_blocks", router.layers},
           {"n_expert", router.n_expert},
           {"n_expert_used", router.n_expert_used},
           {"n_vocab", x.service.tokenizer().n_vocab()},
           {"n_ctx", s.engine->n_ctx()},
           {"n_cell", s.engine->n_cell()},
           {"presets", x.service.options().names->presets()}});
}

void list_plans(Exchange& x) {
  Json out = Json::array();
  for (const std::string& name : x.service.options().names->plans()) {
    const auto plan = x.service.options().names->plan(name);
    out.push_back({{"name", name}, {"blocks", plan->layers}, {"budget", plan->budget}});
  }
  x.reply({{"plans", std::move(out)}});
}

void one_plan(Exchange& x) {
  const auto plan = x.service.options().names->plan(x.request.path_params.at("name"));
  x.response.set_content(plan_text(*plan), "application/json");
}

void health(Exchange& x) {
  const bool closing = x.service.closing();
  x.reply({{"status", closing ? "stopping" : "ok"}}, closing ? 503 : 200);
}

void metrics(Exchange& x) {
  const auto [running, waiting] = x.service.engine().load();
  const auto number = [](auto n) { return static_cast<double>(n); };
  const std::map<std::string, double> now{{"rouse_texts_running", number(running)},
                                          {"rouse_texts_waiting", number(waiting)},
                                          {"rouse_texts_admitted", number(x.service.n_admitted())}};
  x.response.set_content(x.service.metrics().text(*x.service.session().engine, now),
                         "text/plain; version=0.0.4");
}

void openapi(Exchange& x) {
  x.reply(openapi_json(x.service));
}

}  // namespace rouse
