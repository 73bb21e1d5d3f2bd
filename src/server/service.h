/// server/service.h - the open model behind all routes: presets, admission, and the thread that runs it.
#pragma once

#include <atomic>

#include "decoding/engine_thread.h"
#include "server/live_texts.h"
#include "server/metrics.h"
#include "session/request.h"

namespace rouse {

struct ServiceOptions {
  ModelOptions model;
  std::shared_ptr<const Names> names = std::make_shared<Names>();
  Request base;               ///< what requests that say nothing else are done with
  std::string alias;          ///< the model's id; empty: the file's name
  int n_parallel = 4;         ///< texts of n_ctx tokens, each with two streams, that the KV cache holds
  int n_queue = 64;           ///< texts that may wait beside them
  int request_seconds = 600;  ///< a request is cancelled then
  bool tools = false;         ///< reach the template, and calls come back as such
  bool strict = false;        ///< unknown fields are refused
};

/// Who cannot be served now: "the queue is full".
class Busy : public Error {
 public:
  Busy(const std::string& text, bool closing) : Error(text, ErrorKind::no_room), closing(closing) {}
  bool closing;
};

class Service {
 public:
  /// Throws Error where the model cannot be opened or a preset cannot run on it.
  explicit Service(ServiceOptions options);

  const ServiceOptions& options() const { return options_; }
  const Session& session() const { return session_; }
  const Tokenizer& tokenizer() const { return *session_.tokenizer; }
  EngineThread& engine() { return engine_; }
  Metrics& metrics() { return metrics_; }
  const std::string& id() const { return id_; }
  const std::string& fingerprint() const { return fingerprint_; }
  int64_t opened() const { return opened_; }  ///< seconds since 1970
  RequestRules rules() const { return {options_.names, false}; }

  /// The samples of all requests, one after the other. Throws Busy, and Error (usage) as start_request does.
  std::unique_ptr<LiveTexts> start(const std::vector<Request>& requests, Telling telling);
  /// Work on the engines' thread that needs so many KV cells; it counts as a text of the queue.
  void run(const std::function<void()>& work, int n_cell);
  /// A place in the queue for n texts, given back when it goes. Throws Busy.
  std::shared_ptr<void> admit(int n);
  /// From now on nobody is admitted; and what runs ends.
  void close() { closing_ = true; }
  void cancel_all() { cancelled_ = true; }
  bool closing() const { return closing_; }
  bool cancelled() const { return cancelled_; }
  int n_admitted() const { return n_admitted_; }

 private:
  ServiceOptions options_;
  Session session_;
  std::string id_, fingerprint_;
  int64_t opened_;
  Metrics metrics_;
  std::atomic<int> n_admitted_ = 0;
  std::atomic<bool> closing_ = false, cancelled_ = false;
  EngineThread engine_;  ///< last: it goes before what it runs on
};

}  // namespace rouse
