/// report/headroom_table.h - how much another route could help, for people.
#pragma once

#include "calibration/headroom.h"

namespace rouse {

/// The verdict, the four means, and every block.
std::string headroom_text(const Headroom& h);

}  // namespace rouse
