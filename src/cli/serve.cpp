/// cli/serve.cpp - the flags of `rouse serve`, and what its terminal shows.
#include <signal.h>

#include <csignal>
#include <thread>

#include "cli/command.h"
#include "cli/output.h"
#include "server/server.h"

namespace rouse {
namespace {

struct ServeOptions {
  ServiceOptions service;
  ServerOptions server;
  int megabytes = 4;
};

volatile std::sig_atomic_t reread = 0;

void on_hangup(int) {
  reread = 1;
}

int serve(const ServeOptions& o, const std::atomic<bool>& stop) {
  std::signal(SIGHUP, on_hangup);
  struct sigaction as_interrupt {};
  sigaction(SIGINT, nullptr, &as_interrupt);
  sigaction(SIGTERM, &as_interrupt, nullptr);  // what service managers send
  Service service(o.service);
  Server server(service, o.server);
  const Session& s = service.session();
  std::fprintf(stderr, "%s: %d blocks, %d experts, context of %d tokens, %d cells\n", service.id().c_str(),
               s.engine->spec().n_layer, s.router().n_expert, s.engine->n_ctx(), s.engine->n_cell());
  for (const std::string& preset : o.service.names->presets())
    std::fprintf(stderr, "  %s@%s\n", service.id().c_str(), preset.c_str());
  std::printf("listening on %s\n", server.url().c_str());
  flush_output();
  while (!stop) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (!reread) continue;
    reread = 0;
    try {
      server.guard().read_keys();
      std::fprintf(stderr, "keys were read again\n");
    } catch (const Error& e) {
      std::fprintf(stderr, "rouse: %s; the keys stay as they were\n", e.what());
    }
  }
  std::fprintf(stderr, "stopping; once more ends at once\n");
  server.stop();
  return 0;
}

}  // namespace

void add_serve(CLI::App& app) {
  auto o = std::make_shared<ServeOptions>();
  CLI::App* sub = app.add_subcommand(
      "serve",
      "Serve OpenAI's API, routing and method being part of a request, and a page to look at them "
      "(docs/server.md)");
  add_model_options(*sub, o->service.model);
  auto names = std::make_shared<Names>();
  o->service.names = names;
  const auto each = [names](void (Names::*add)(const std::string&)) {
    return [names, add](const std::vector<std::string>& texts) {
      for (const std::string& text : texts) ((*names).*add)(text);
    };
  };
  sub->add_option("--host", o->server.host, "address to listen on; any but loopback needs --api-key-file")
      ->capture_default_str();
  sub->add_option("--port", o->server.port, "port; 0: any that is free")
      ->capture_default_str()
      ->check(CLI::Range(0, 65535));
  sub->add_option("--api-key-file", o->server.guard.key_file,
                  "keys, one a line, of which a request must bring one; SIGHUP reads them again");
  sub->add_option("--tls-cert", o->server.certificate,
                  "certificate chain (PEM): answer by TLS, with --tls-key");
  sub->add_option("--tls-key", o->server.key, "its private key (PEM)");
  sub->add_option("--allow-host", o->server.guard.hosts, "a further host name that requests may call it by")
      ->allow_extra_args(false);
  sub->add_option("--cors-origin", o->server.guard.cors_origins,
                  "an origin whose pages may read answers: https://chat.example.org")
      ->allow_extra_args(false);
  sub->add_option_function<std::vector<std::string>>("--plan,--name", each(&Names::add_file),
                                                     "NAME=FILE: a plan, a trace or a file of `rouse steer "
                                                     "fit` or `rouse iti fit`, read once, that requests "
                                                     "may call by this name; repeatable")
      ->allow_extra_args(false);
  sub->add_option_function<std::vector<std::string>>(
         "--preset", each(&Names::add_preset),
         "NAME=\"METHOD|POLICY [name=value...]\": a method that requests may name, and a model of its own, "
         "MODEL@NAME; repeatable")
      ->allow_extra_args(false);
  sub->add_option("--alias", o->service.alias, "the model's id (default: the file's name)");
  sub->add_option(
         "--parallel", o->service.n_parallel,
         "texts of the whole context that run side by side, each with two streams; shorter ones more")
      ->capture_default_str()
      ->check(CLI::Range(1, kMaxSequence / 2 - 8));
  sub->add_option("--queue", o->service.n_queue, "texts that may wait; more are refused with 429")
      ->capture_default_str()
      ->check(CLI::Range(0, 100000));
  sub->add_option("--connections", o->server.limits.n_connection, "connections that are open at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 16384));
  sub->add_option("--request-timeout", o->service.request_seconds,
                  "seconds after which a request is cancelled")
      ->capture_default_str()
      ->check(CLI::Range(1, 7 * 24 * 3600));
  sub->add_option("--max-body", o->megabytes, "megabytes that a request's body may have")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  sub->add_option("--stop-timeout", o->server.stop_seconds,
                  "seconds that running requests have to end once the server is to stop")
      ->capture_default_str()
      ->check(CLI::Range(0, 3600));
  sub->add_flag("--tools", o->service.tools,
                "show tools to the chat template (else they are ignored by name)");
  sub->add_flag("--strict-fields", o->service.strict, "refuse fields of requests that are not known");
  sub->add_flag("--log-requests", o->server.log_requests, "a line a request, without what was asked");
  for (const char* name : {"system", "chat_template", "chat_template_kwargs", "template_date"})
    add_option(*sub, *find_option(name), {.prompt = &o->service.base.prompt});
  add_method_options(*sub, o->service.base.method);
  add_generate_options(*sub, o->service.base.generate);
  refuse_json(*sub, "its answers go over HTTP, and are JSON there");
  on_run(*sub, [o](const std::atomic<bool>& stop) {
    o->server.limits.body_bytes = static_cast<size_t>(o->megabytes) << 20;
    return serve(*o, stop);
  });
}

}  // namespace rouse
