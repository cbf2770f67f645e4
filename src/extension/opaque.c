/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What stands in for every match and target that is not modelled: those of xtables-addons and the like. Its
 * text is kept by the reader; whether it matches is unknown, and of what it does and looks at the worst is
 * assumed. */
#include "extension/option.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <string.h>

/* A predicate for each occurrence; its negation is not known to be its opposite. */
static const struct unseen unseen = {OPAQUE_RULE, false};

static const struct opaque_data *data_of(const struct match *match)
{
	return match->data;
}

static void opaque_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	buffer_add(out, data_of(match)->text.data, data_of(match)->text.size);
}

static int opaque_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	return unseen_declare_text(match, rule, fields, data_of(match)->text, unseen);
}

static diagram_node opaque_mean(const struct match *match, const struct rule *rule,
				const struct fields *fields)
{
	return unseen_mean_text(match, rule, fields, data_of(match)->text, unseen);
}

static unsigned opaque_effects(const struct match *match)
{
	(void)match;
	return EFFECT_UNKNOWN;
}

const struct match_type match_opaque = {
    .name = "",
    .reads_state = true,
    .print = opaque_print,
    .evaluate = unseen_evaluate,
    .declare = opaque_declare,
    .mean = opaque_mean,
    .effects = opaque_effects,
};

static void target_opaque_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct opaque_data *opaque = target->data;
	size_t name = strlen("-j ") + opaque->name.size;
	(void)rule;

	if (opaque->text.size > name)
		buffer_add(out, opaque->text.data + name, opaque->text.size - name);
}

const struct target_type target_opaque = {
    .name = "",
    .kind = TARGET_OPAQUE,
    .effects = EFFECT_UNKNOWN,
    .print = target_opaque_print,
};
