/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules and reasons in words, for explain and replay. */
#ifndef WEIR_COMMAND_REASON_H
#define WEIR_COMMAND_REASON_H

#include "command/clean.h"
#include "engine/engine.h"
#include "ruleset/ruleset.h"

struct json_object;

/* "rules.v4:12"; nothing for a span without a source. */
void place_print(struct span span, struct buffer *out);
/* "rule 3 of filter INPUT (rules.v4:12)" */
void rule_name_print(const struct rule *rule, struct buffer *out);
/* What a rule of which it is not known whether it matches this packet depends on: "the connection state
 * (state=)",
 * "-m limit --limit 3/min, which is not modelled"; several with commas. */
void dependence_print(const struct rule *rule, const struct packet *packet, struct buffer *out);

#endif
