/// server/routes.h - what each route does; the table is in routes.cpp.
#pragma once

#include "server/exchange.h"

namespace rouse {

// tokens.cpp
void list_models(Exchange& x);
void one_model(Exchange& x);
void tokenizer_info(Exchange& x);
void tokenize(Exchange& x);
void detokenize(Exchange& x);
void apply_template(Exchange& x);
// laboratory.cpp
void compare(Exchange& x);
void score(Exchange& x);
void whatif(Exchange& x);
void gates(Exchange& x);
// about.cpp
void list_methods(Exchange& x);
void about_model(Exchange& x);
void list_plans(Exchange& x);
void one_plan(Exchange& x);
void health(Exchange& x);
void metrics(Exchange& x);
void openapi(Exchange& x);

}  // namespace rouse
