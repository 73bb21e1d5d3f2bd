#include "server/service.h"

#include <ctime>
#include <filesystem>

#include "base/clock.h"
#include "tokenizer/template_child.h"

namespace rouse {

static std::string id_of(const ServiceOptions& o, const std::string& path) {
  return o.alias.empty() ? std::filesystem::path(path).stem().string() : o.alias;
}

/// What there must be room for: the base method, presets, and two streams whatever they are.
static std::vector<MethodOptions> methods_of(const ServiceOptions& o) {
  std::vector<MethodOptions> out{o.base.method, {}};
  out.back().name = "scmoe";
  out.back().weak = "topk:1";
  if (!o.base.method.amateur.empty()) {
    out.push_back(o.base.method);
    out.back().name = "cd";
  }
  for (const std::string& name : o.names->presets()) {
    out.push_back(o.names->preset(name));
    out.back().files = o.names;
  }
  return out;
}

Service::Service(ServiceOptions options)
    : options_([&] {
        options.base.method.files = options.names;
        return std::move(options);
      }()),
      session_(options_.model, methods_of(options_), options_.n_parallel),
      id_(id_of(options_, session_.engine->file().path())),
      fingerprint_(session_.engine->file().fingerprint()),
      opened_(std::time(nullptr)),
      engine_(session_.engines()) {
  (void)has_template_program();  // an upgrade may replace it before somebody chats
  options_.names->check_presets(session_.models());
  (void)make_method(options_.base.method, session_.models());
}

std::shared_ptr<void> Service::admit(int n) {
  if (closing_) throw Busy("the server is stopping", true);
  const int most = options_.n_parallel + options_.n_queue;
  if (n_admitted_.fetch_add(n) + n > most) {
    n_admitted_ -= n;
    require_usage(n <= most, "the request holds ", n, " texts, there is room for ", most);
    throw Busy(cat("the queue is full: ", n_admitted_.load(), " texts run or wait"), false);
  }
  return {nullptr, [this, n](void*) { n_admitted_ -= n; }};
}

std::unique_ptr<LiveTexts> Service::start(const std::vector<Request>& requests, Telling telling) {
  int n = 0;
  for (const Request& r : requests) n += r.n_sample;
  std::shared_ptr<void> place = admit(n);
  std::vector<std::unique_ptr<Generation>> texts;
  for (const Request& r : requests)
    for (auto& text : start_request(session_, r)) texts.push_back(std::move(text));
  return std::make_unique<LiveTexts>(engine_, metrics_, std::move(texts), std::move(place), telling);
}

void Service::run(const std::function<void()>& work, int n_cell) {
  const std::shared_ptr<void> place = admit(1);
  engine_.run(work, n_cell);
}

}  // namespace rouse
