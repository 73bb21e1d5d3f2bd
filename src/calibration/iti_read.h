/// calibration/iti_read.h - questions with true and false answers, and what the heads give at the end of
/// each.
#pragma once

#include <atomic>

#include "base/json.h"
#include "calibration/iti_fit.h"
#include "session/session.h"

namespace rouse {

/// A record, and how errors name it.
struct ItiRecord {
  std::string where;
  Json json;
};
/// The first n_limit lines of a JSON Lines file (0: all).
std::vector<ItiRecord> read_iti_records(const std::string& path, int n_limit);

/// One answer to a question, as text.
struct ItiText {
  int question;
  bool truth;
  std::string text;
};
/// Of records with correct_answers and incorrect_answers (TruthfulQA), put into `form` ("Q: {question}\nA:
/// {answer}"), or with completion and contradictions behind the question as it is (lab_contrast). Throws
/// Error (usage) naming a record that is neither.
std::vector<ItiText> iti_texts(std::span<const ItiRecord> records, const std::string& form);
/// Of all questions and answers: a fit is of its texts, not of a file's name.
std::string iti_hash(std::span<const ItiText> texts);

/// What every head gives at the last token of each text, many texts a batch. Throws Error naming the answer
/// that does not fit the context or whose numbers are not finite, and (interrupted) when stopped.
ItiData read_activations(const Session& session, std::span<const ItiText> texts,
                         const std::function<void(double)>& progress = {},
                         const std::atomic<bool>* stop = nullptr);

}  // namespace rouse
