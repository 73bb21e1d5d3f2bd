/// advice/advice_page.h - an advice as figures: the page that `rouse advise` leaves, and a part of
/// `rouse report html`.
#pragma once

#include "report/saved_report.h"

namespace rouse {

/// Of what advise() gives.
SavedReport advice_report(const Json& advice, const std::string& id = "f");

}  // namespace rouse
