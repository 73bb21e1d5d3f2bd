/// calibration/full_passes.h - what measuring by full passes will take: on an engine that cannot enter at a
/// block (Abilities::entry) every perturbation, ablation and swap runs its text again.
#pragma once

#include "calibration/calibrate.h"
#include "calibration/headroom.h"

namespace rouse {

/// Rows that the work will run, about: hard tokens are taken to be spread evenly.
double rows_of_full_passes(std::span<const Document> documents, const RouterSpec& router,
                           const CalibrateOptions& options);
double rows_of_full_passes(std::span<const Document> documents, const RouterSpec& router,
                           const HeadroomOptions& options);

/// Seconds that a row of these documents takes: the longest of the first few, run once to warm up and once
/// for the clock.
double seconds_a_row(Engine& engine, std::span<const Document> documents);

}  // namespace rouse
