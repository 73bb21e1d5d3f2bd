/// server/openapi.h - the description of the interface, from the table of routes and the table of options.
#pragma once

#include "server/exchange.h"

namespace rouse {

Json openapi_json(const Service& service);

}  // namespace rouse
