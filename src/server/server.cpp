#include "server/server.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/text.h"
#include "server/page.h"

namespace rouse {

static constexpr const char* kKey = "a key: give --api-key-file";

Server::Server(Service& service, const ServerOptions& options)
    : service_(service),
      options_(options),
      guard_(options.guard, options.host),
      http_(std::make_unique<HttpServer>(options.limits, options.certificate.empty() && options.key.empty()
                                                             ? nullptr
                                                             : open_tls(options.certificate, options.key))) {
  require_usage(is_loopback(options.host) || guard_.keyed(), "whoever listens on ", options.host,
                ", where others can reach it, needs ", kKey);
  for (const Route& route : routes()) add(route);
  add_page(*http_);
  http_->set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    if (const std::string origin = guard_.allowed_origin(request); !origin.empty()) {
      response.set_header("Access-Control-Allow-Origin", origin);
      response.set_header("Vary", "Origin");
    }
    response.set_header("X-Content-Type-Options", "nosniff");
    if (const std::string id = request.get_header_value("X-Request-Id"); !id.empty() && id.size() <= 128)
      response.set_header("X-Request-Id", id);
    const auto refusal = guard_.refuse(request, request.path == "/health" || is_page(request.path));
    if (!refusal) return httplib::Server::HandlerResponse::Unhandled;
    refuse(*refusal, response);
    return httplib::Server::HandlerResponse::Handled;
  });
  http_->Options(".*", [this](const httplib::Request& request, httplib::Response& response) {
    response.status = guard_.allowed_origin(request).empty() ? 403 : 204;
    response.set_header("Access-Control-Allow-Methods", "GET, POST");
    response.set_header("Access-Control-Allow-Headers",
                        "Authorization, Content-Type, X-API-Key, X-Rouse-Strict");
  });
  // What the library itself refuses gets the same kind of body.
  http_->set_error_handler([](const httplib::Request& request, httplib::Response& response) {
    if (!response.body.empty() || response.status < 400) return;
    const std::string text =
        response.status == 404 ? cat("there is no ", request.method, ' ', request.path, "; see /openapi.json")
                               : httplib::status_message(response.status);
    const char* type = response.status < 500 ? "invalid_request_error" : "server_error";
    response.set_content(
        dump({{"error", {{"message", text}, {"type", type}, {"param", nullptr}, {"code", nullptr}}}}),
        "application/json");
  });
  if (options.log_requests)
    http_->set_logger([](const httplib::Request& request, const httplib::Response& response) {
      std::fprintf(stderr, "%s %s %d\n", request.method.c_str(), printable(request.path).c_str(),
                   response.status);
    });
  const bool bound = options.port == 0 ? (port_ = http_->bind_to_any_port(options.host)) > 0
                                       : http_->bind_to_port(options.host, port_ = options.port);
  require_usage(bound, "cannot listen on ", options.host, " port ", options.port, ": ", std::strerror(errno));
  thread_ = std::thread([this] { http_->listen_after_bind(); });
  http_->wait_until_ready();
}

Server::~Server() {
  stop();
}

std::string Server::url() const {
  const bool v6 = options_.host.find(':') != std::string::npos;
  return cat(options_.certificate.empty() ? "http://" : "https://", v6 ? "[" : "", options_.host,
             v6 ? "]" : "", ':', port_);
}

void Server::stop() {
  if (!thread_.joinable()) return;
  service_.close();
  http_->close_idle();
  const double end = now_seconds() + options_.stop_seconds;
  while (service_.n_admitted() > 0 && now_seconds() < end) usleep(10 * 1000);
  service_.cancel_all();
  http_->stop();
  thread_.join();
}

void Server::refuse(const Guard::Refusal& refusal, httplib::Response& response) const {
  response.status = refusal.status;
  Json body = error_json(refusal.error);
  body["error"]["type"] = refusal.status == 401 ? "authentication_error" : "invalid_request_error";
  response.set_content(dump(body), "application/json");
  if (refusal.status == 401) response.set_header("WWW-Authenticate", "Bearer");
}

void Server::add(const Route& route) {
  const auto handle = [this, &route](const httplib::Request& request, httplib::Response& response) {
    serve(route, request, response);
  };
  if (std::string_view(route.method) == "GET")
    http_->Get(route.path, handle);
  else
    http_->Post(route.path, handle);
}

void Server::serve(const Route& route, const httplib::Request& request, httplib::Response& response) {
  const double begin = now_seconds();
  Exchange x{service_, request, response};
  x.strict = request.get_header_value("X-Rouse-Strict") == "1";
  try {
    if (std::string_view(route.method) == "POST") {
      JsonBounds bounds;
      bounds.n_value = size_t{1} << 20;
      x.body = parse_json(request.body, "the body", ErrorKind::usage, bounds);
    }
    route.handle(x);
  } catch (const Error& e) {
    const int status = status_of(e);
    if (status == 429 || status == 503) response.set_header("Retry-After", "1");
    x.reply(error_json(e, x.body), status);
  } catch (const std::exception& e) {
    x.reply(error_json(Error(e.what())), 500);
  }
  const double seconds = now_seconds() - begin;
  response.set_header("Server-Timing", formatted("total;dur=%.3f", 1000 * seconds));
  service_.metrics().count_reply(route.path, response.status, seconds);
}

}  // namespace rouse
