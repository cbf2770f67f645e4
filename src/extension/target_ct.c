/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NOTRACK and CT, of the raw table: net/netfilter/xt_CT.c. CT --notrack is NOTRACK. Any other option gives
 * the packet a template: what conntrack makes of that is not modelled, and the target becomes an opaque one,
 * whose text the reader keeps. */
#include "extension/option.h"
#include "extension/types.h"

#include <errno.h>

enum {
	CT_NOTRACK = 1,
	CT_HELPER = 2,
	CT_TIMEOUT = 4,
	CT_EVENTS = 8,
	CT_EXPECTED_EVENTS = 16,
	CT_ZONE = 32,
	CT_ZONE_ORIGINAL = 64,
	CT_ZONE_REPLY = 128,
};

static const struct {
	const char *name;
	unsigned bit;
	bool has_argument;
} options[] = {
    {"--notrack", CT_NOTRACK, false},          {"--helper", CT_HELPER, true},
    {"--timeout", CT_TIMEOUT, true},           {"--ctevents", CT_EVENTS, true},
    {"--expevents", CT_EXPECTED_EVENTS, true}, {"--zone", CT_ZONE, true},
    {"--zone-orig", CT_ZONE_ORIGINAL, true},   {"--zone-reply", CT_ZONE_REPLY, true},
};

struct ct_target {
	unsigned seen;
};

static int ct_parse(struct rule_parser *parser, struct target *target)
{
	struct ct_target *ct = option_data(parser, &target->data, sizeof(*ct));
	if (!ct)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (!parser_option_is(parser, options[i].name))
			continue;
		int error = parser_refuse_inversion(parser);
		if (!error)
			error = option_once(parser, &ct->seen, options[i].bit, 0);
		if (!error && options[i].has_argument && !parser_argument(parser))
			error = -EINVAL;
		if (!error) /* a "!" before the argument, in the old style */
			error = parser_refuse_inversion(parser);
		return error ? error : 1;
	}
	return 0;
}

static int ct_finish(struct rule_parser *parser, struct target *target)
{
	const struct ct_target *ct = option_data(parser, &target->data, sizeof(*ct));
	if (!ct)
		return -ENOMEM;
	if (ct->seen == CT_NOTRACK)
		return 0;
	if (parser->rule->chain->table->id != TABLE_RAW) {
		diagnostic_hint(option_error(parser, target->span, "wrong-table",
					     "CT cannot be used in table %s",
					     table_names[parser->rule->chain->table->id]),
				"the kernel takes it in the table raw only");
		return -EINVAL;
	}
	target->type = &target_opaque;
	return 0;
}

static void ct_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	(void)target;
	(void)rule;
	buffer_puts(out, " --notrack");
}

const struct target_type target_ct = {
    .name = "CT",
    .modelled = true,
    .kind = TARGET_NOTRACK,
    .parse = ct_parse,
    .finish = ct_finish,
    .print = ct_print,
    .tables = 1 << TABLE_RAW,
};

const struct target_type target_notrack = {
    .name = "NOTRACK",
    .modelled = true,
    .kind = TARGET_NOTRACK,
    .tables = 1 << TABLE_RAW,
};
