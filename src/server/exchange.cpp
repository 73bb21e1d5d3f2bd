#include "server/exchange.h"

#include <future>

#include "base/clock.h"
#include "server/reading.h"

namespace rouse {

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void Exchange::reply(const Json& json, int status) const {
  response.status = status;
  response.set_content(dump(json), "application/json");
}

int status_of(const Error& e) {
  if (const auto* busy = dynamic_cast<const Busy*>(&e)) return busy->closing ? 503 : 429;
  if (e.subject() == "model") return 404;
  switch (e.kind()) {
    case ErrorKind::usage:
    case ErrorKind::bad_file:
    case ErrorKind::unsupported:
      return 400;
    case ErrorKind::no_room:
      return e.subject() == "n_ctx" ? 400 : 503;
    case ErrorKind::interrupted:
      return 503;
    default:
      return 500;
  }
}

/// The field that an error is about: its subject, or what its text begins with ("tokens[0] is -1, expected").
static std::string field_of(const Error& e, const Json& body) {
  if (!e.subject().empty() || e.kind() != ErrorKind::usage || !body.is_object()) return e.subject();
  const std::string text = e.what(), word = text.substr(0, text.find_first_of(" .[:"));
  return body.contains(word) ? word : "";
}

Json error_json(const Error& e, const Json& body) {
  const int status = status_of(e);
  std::string text = e.what(), subject = field_of(e, body);
  const std::string name = openai_name(subject, body);
  if (name != subject && text.starts_with(subject)) text = name + text.substr(subject.size());
  Json code = nullptr;
  if (status == 404) code = "model_not_found";
  if (subject == "n_ctx") code = "context_length_exceeded";
  if (status == 429) code = "queue_full";
  if (status == 500 && subject == "chat_template") code = subject;  // no field of a request
  const char* type = status == 429  ? "rate_limit_error"
                     : status < 500 ? "invalid_request_error"
                                    : "server_error";
  return {{"error",
           {{"message", text},
            {"type", type},
            {"param", name.empty() || status == 500 ? Json() : Json(name)},
            {"code", code}}}};
}

void stream(Exchange& x, std::function<void(EventSink&)> write) {
  x.response.status = 200;
  x.response.set_header("Cache-Control", "no-store");
  x.response.set_header("X-Accel-Buffering", "no");
  x.response.set_chunked_content_provider(
      "text/event-stream", [write = std::move(write), body = x.body](size_t, httplib::DataSink& out) {
        EventSink sink(out);
        try {
          write(sink);
        } catch (const Error& e) {
          if (!sink.open() || !sink.send(error_json(e, body))) return false;
        } catch (const std::exception& e) {
          if (!sink.open() || !sink.send(error_json(Error(e.what())))) return false;
        }
        if (!sink.done()) return false;
        out.done();
        return true;
      });
}

static constexpr std::chrono::milliseconds kLook(20);  // how soon a client that has gone is noticed

std::optional<Error> reason_to_end(const Service& service, bool gone, double begin) {
  const int most = service.options().request_seconds;
  if (gone) return Error("the client has gone", ErrorKind::interrupted);
  if (service.cancelled()) return Error("the server has stopped", ErrorKind::interrupted);
  if (now_seconds() > begin + most)
    return Error(cat("the request took more than ", most, " s"), ErrorKind::interrupted);
  return std::nullopt;
}

void follow(const Service& service, LiveTexts& texts, const std::function<bool()>& gone,
            const std::function<void(const News&)>& on_news, const std::function<void()>& on_silence) {
  constexpr double kSilence = 10;
  const double begin = now_seconds();
  double last = begin;
  while (!texts.ended()) {
    const std::vector<News> news = texts.wait(kLook);
    for (const News& n : news)
      if (on_news) on_news(n);
    const double now = now_seconds();
    if (!news.empty()) last = now;
    if (texts.ended()) break;
    if (const auto reason = reason_to_end(service, gone(), begin)) throw *reason;
    if (on_silence && now - last > kSilence) on_silence(), last = now;
  }
}

void run_long(Service& service, const LongWork& work, int n_cell, const std::function<bool()>& gone,
              const std::function<void(double)>& on_progress) {
  std::atomic<double> done = 0;
  std::atomic<bool> stop = false;
  std::optional<Error> reason;
  const double begin = now_seconds();
  std::future<void> end = std::async(std::launch::async, [&] {
    service.run(
        [&] {
          if (!stop) work([&](double part) { done = part; }, stop);
        },
        n_cell);
  });
  double told = 0;
  const auto tell = [&] {
    const double part = done;
    if (on_progress && part > told) on_progress(told = part);
  };
  do {
    tell();
    if (!reason) reason = reason_to_end(service, gone(), begin);
    stop = reason.has_value();
  } while (end.wait_for(kLook) != std::future_status::ready);
  if (!reason) {
    end.get();
    return tell();
  }
  end.wait();
  throw *reason;
}

}  // namespace rouse
