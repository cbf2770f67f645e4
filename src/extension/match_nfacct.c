/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m nfacct: counts the packet in an accounting object, and matches where that has no quota or is past it:
 * net/netfilter/xt_nfacct.c. Whether it has one is not known.
 */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <string.h>

#define NAME_SIZE_MAX 31 /* NFACCT_NAME_MAX is 32 */

enum { NFACCT_NAME, NFACCT_COUNT };

static const struct guide guides[NFACCT_COUNT] = {
    [NFACCT_NAME] = {.name = "--nfacct-name",
		     .kind = GUIDE_STRING,
		     .flags = GUIDE_MANDATORY,
		     .min = 1,
		     .max = UINT32_MAX,
		     .hint = "the name of an accounting object"},
};

static int nfacct_parse(struct rule_parser *parser, struct match *match)
{
	int result = guided_parse(parser, &match->data, sizeof(struct guided), guides, NFACCT_COUNT);

	if (result == 1)
		guided_cut(match->data, NFACCT_NAME, NAME_SIZE_MAX);
	return result;
}

static int nfacct_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, NFACCT_COUNT, match->span,
			     "-m nfacct");
}

static void nfacct_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *nfacct = match->data;
	struct text name = nfacct->values[NFACCT_NAME].text;
	(void)rule;

	/* iptables-save puts no quotes around it; they are needed all the same where there is a blank. */
	buffer_puts(out, "-m nfacct --nfacct-name");
	if (memchr(name.data, ' ', name.size))
		option_print_string(out, name);
	else
		buffer_printf(out, " %.*s", (int)name.size, name.data);
}

static unsigned nfacct_effects(const struct match *match)
{
	(void)match;
	return EFFECT_COUNTER;
}

const struct match_type match_nfacct = {
    .name = "nfacct",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = nfacct_parse,
    .finish = nfacct_finish,
    .print = nfacct_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .effects = nfacct_effects,
};
