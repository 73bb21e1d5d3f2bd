/// server/exchange.h - a request and its reply, between HTTP and the routes.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>

#include "server/http_server.h"
#include "server/service.h"

namespace rouse {

struct Exchange {
  Service& service;
  const httplib::Request& request;
  httplib::Response& response;
  Json body = nullptr;  ///< of a POST
  bool strict = false;  ///< the client wants unknown fields refused

  bool gone() const { return request.ssl ? !is_peer_there(request.ssl) : request.is_connection_closed(); }
  void reply(const Json& json, int status = 200) const;
};

/// A route: a method, a path, what it does. Throwing Error replies with it.
struct Route {
  const char *method, *path;  ///< ":name" in a path is a parameter
  const char* summary;
  void (*handle)(Exchange&);
  const char* request = "";  ///< the schema of its body, by its name in /openapi.json
};
/// All of them.
std::span<const Route> routes();

std::string dump(const Json& json);
/// {"error": {"message", "type", "param", "code"}} of it, and the status.
Json error_json(const Error& e, const Json& body = nullptr);
int status_of(const Error& e);

/// server-sent events: writes what `next` gives until it gives nothing. next is called on the connection's
/// thread; false: the client has gone.
class EventSink {
 public:
  explicit EventSink(httplib::DataSink& sink) : sink_(sink) {}
  bool send(const Json& event) { return write("data: " + dump(event) + "\n\n"); }
  bool comment() { return write(": still here\n\n"); }
  bool done() { return write("data: [DONE]\n\n"); }
  bool open() const { return sink_.is_writable(); }

 private:
  bool write(const std::string& text) { return sink_.write(text.data(), text.size()); }
  httplib::DataSink& sink_;
};
/// Replies with events. An Error of `write` becomes an event of its own.
void stream(Exchange& x, std::function<void(EventSink&)> write);

/// Why a request that has run since `begin` (now_seconds()) is to end before it is done: nobody waits for it
/// any more, the server stops, or its time is over. Nothing: it may go on.
std::optional<Error> reason_to_end(const Service& service, bool gone, double begin);

/// Waits until all texts have ended, and hands on what is new. Throws Error (interrupted) when nobody waits
/// for them any more, or the time of a request is over.
void follow(const Service& service, LiveTexts& texts, const std::function<bool()>& gone,
            const std::function<void(const News&)>& on_news = {},
            const std::function<void()>& on_silence = {});

/// Work on the engines' thread: it says how much of it is done, from 0 to 1, and looks at whether to stop.
using LongWork =
    std::function<void(const std::function<void(double)>& progress, const std::atomic<bool>& stop)>;
/// Does it and hands on, here, how much is done. Throws as `follow` does, and what the work throws.
void run_long(Service& service, const LongWork& work, int n_cell, const std::function<bool()>& gone,
              const std::function<void(double)>& on_progress = {});

}  // namespace rouse
