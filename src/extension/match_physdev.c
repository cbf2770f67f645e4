/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m physdev: ports of a bridge, physdev_mt() in net/netfilter/xt_physdev.c. What a bridge did with a packet
 * before is not known. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>

/* In the order in which iptables-save prints them. */
enum { PHYSDEV_IS_IN, PHYSDEV_IN, PHYSDEV_IS_OUT, PHYSDEV_OUT, PHYSDEV_IS_BRIDGED, PHYSDEV_COUNT };

static int name_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	(void)value;
	return word->text.size < INTERFACE_NAME_MAX
		   ? 0
		   : guided_refuse(parser, word, "the name of an interface, at most 15 characters");
}

static const struct guide guides[PHYSDEV_COUNT] = {
    [PHYSDEV_IS_IN] = {.name = "--physdev-is-in", .flags = GUIDE_INVERTIBLE},
    [PHYSDEV_IN] = {.name = "--physdev-in",
		    .kind = GUIDE_OWN,
		    .flags = GUIDE_INVERTIBLE,
		    .parse = name_value},
    [PHYSDEV_IS_OUT] = {.name = "--physdev-is-out", .flags = GUIDE_INVERTIBLE},
    [PHYSDEV_OUT] = {.name = "--physdev-out",
		     .kind = GUIDE_OWN,
		     .flags = GUIDE_INVERTIBLE,
		     .parse = name_value},
    [PHYSDEV_IS_BRIDGED] = {.name = "--physdev-is-bridged", .flags = GUIDE_INVERTIBLE},
};

static int physdev_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, PHYSDEV_COUNT);
}

static int physdev_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, PHYSDEV_COUNT,
				  match->span, "-m physdev");
	const struct guided *physdev = match->data;

	if (error || physdev->seen)
		return error;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m physdev has no option"),
			"write --physdev-in or --physdev-out, for one");
	return -EINVAL;
}

/* physdev_mt_check(): a packet made here has no port to go out by before the bridge has chosen one. */
static unsigned physdev_hooks(const struct match *match)
{
	const struct guided *physdev = match->data;
	bool bridged =
	    guided_seen(physdev, PHYSDEV_IS_BRIDGED) && !guided_inverted(physdev, PHYSDEV_IS_BRIDGED);

	if (bridged || !(guided_seen(physdev, PHYSDEV_OUT) || guided_seen(physdev, PHYSDEV_IS_OUT)))
		return 0;
	return ((1u << HOOK_COUNT) - 1) & ~(1u << HOOK_OUTPUT);
}

static void physdev_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m physdev");
	guided_print_all(match->data, guides, PHYSDEV_COUNT, rule->chain->table->family, out);
}

const struct match_type match_physdev = {
    .name = "physdev",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = physdev_parse,
    .finish = physdev_finish,
    .print = physdev_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .hooks_of = physdev_hooks,
};
