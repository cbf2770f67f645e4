/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m devgroup: the group of an interface: net/netfilter/xt_devgroup.c. Groups are not known.
 */
#include "extension/guided.h"
#include "extension/named_number.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>

enum { DEVGROUP_SOURCE, DEVGROUP_DESTINATION, DEVGROUP_COUNT };

static int group_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	return named_number_parse(parser, word, "/etc/iproute2/group", value);
}

static const struct guide guides[DEVGROUP_COUNT] = {
    [DEVGROUP_SOURCE] = {.name = "--src-group",
			 .kind = GUIDE_OWN,
			 .flags = GUIDE_INVERTIBLE,
			 .parse = group_value},
    [DEVGROUP_DESTINATION] = {.name = "--dst-group",
			      .kind = GUIDE_OWN,
			      .flags = GUIDE_INVERTIBLE,
			      .parse = group_value},
};

static int devgroup_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, DEVGROUP_COUNT);
}

static int devgroup_finish(struct rule_parser *parser, struct match *match)
{
	const struct guided *devgroup = option_data(parser, &match->data, sizeof(*devgroup));

	if (!devgroup)
		return -ENOMEM;
	if (!devgroup->seen) {
		diagnostic_hint(
		    option_error(parser, match->span, "missing-option", "-m devgroup has no group"),
		    "write --src-group or --dst-group");
		return -EINVAL;
	}
	return 0;
}

/* devgroup_mt_checkentry() */
static unsigned devgroup_hooks(const struct match *match)
{
	const struct guided *devgroup = match->data;

	return (guided_seen(devgroup, DEVGROUP_SOURCE) ? OPTION_HOOKS_IN : ~0u) &
	       (guided_seen(devgroup, DEVGROUP_DESTINATION) ? OPTION_HOOKS_OUT : ~0u);
}

static void devgroup_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m devgroup");
	guided_print_all(match->data, guides, DEVGROUP_COUNT, rule->chain->table->family, out);
}

const struct match_type match_devgroup = {
    .name = "devgroup",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = devgroup_parse,
    .finish = devgroup_finish,
    .print = devgroup_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .hooks_of = devgroup_hooks,
};
