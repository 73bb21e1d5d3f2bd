#include "server/live_texts.h"

#include "base/clock.h"

namespace rouse {

/// On the engines' thread.
void LiveTexts::tell(size_t number, const Generation& g, Told& told, Mailbox& box) {
  News news{.text = number};
  const std::string_view text = g.certain_text();
  const std::string reasoning = g.reasoning();
  news.piece = text.substr(std::min(told.text, text.size()));
  news.reasoning = reasoning.substr(std::min(told.reasoning, reasoning.size()));
  news.tokens.assign(g.tokens().begin() + static_cast<std::ptrdiff_t>(told.tokens), g.tokens().end());
  news.scores.assign(g.scores().begin() + static_cast<std::ptrdiff_t>(told.scores), g.scores().end());
  news.ended = g.done();
  told = {text.size(), reasoning.size(), g.tokens().size(), g.scores().size(), news.ended};
  if (news.tokens.empty() && news.piece.empty() && news.reasoning.empty() && !news.ended) return;
  {
    const std::lock_guard lock(box.mutex);
    box.news.push_back(std::move(news));
  }
  box.come.notify_one();
}

LiveTexts::LiveTexts(EngineThread& engine, Metrics& metrics, std::vector<std::unique_ptr<Generation>> texts,
                     std::shared_ptr<void> place, Telling telling)
    : place_(std::move(place)), engine_(engine) {
  const double begin = now_seconds();
  for (size_t i = 0; i < texts.size(); ++i)
    handles_.push_back(engine_.submit(
        std::move(texts[i]),
        [i, begin, telling, &metrics, box = box_, begun = false, told = Told()](const Generation& g) mutable {
          if (told.ended) return;
          if (!begun && !g.tokens().empty()) metrics.count_first_token(now_seconds() - begin);
          begun = !g.tokens().empty();
          if (g.done()) metrics.count_text(g);
          if (g.done() || telling == Telling::every_round) tell(i, g, told, *box);
        }));
}

LiveTexts::~LiveTexts() {
  if (!ended())
    for (const EngineThread::Handle& text : handles_) engine_.cancel(text);
}

std::vector<News> LiveTexts::wait(std::chrono::milliseconds time) {
  std::deque<News> come;
  {
    std::unique_lock lock(box_->mutex);
    box_->come.wait_for(lock, time, [&] { return !box_->news.empty(); });
    come.swap(box_->news);
  }
  for (const News& news : come) n_ended_ += news.ended;
  return {std::make_move_iterator(come.begin()), std::make_move_iterator(come.end())};
}

}  // namespace rouse
