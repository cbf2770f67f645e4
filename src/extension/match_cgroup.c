/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m cgroup: the control group of the packet's socket: net/netfilter/xt_cgroup.c. Sockets are not known.
 */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>

#define PATH_SIZE_MAX 511 /* XT_CGROUP_PATH_MAX with its NUL is 512 */

enum { CGROUP_PATH, CGROUP_CLASS, CGROUP_COUNT };

static const struct guide guides[CGROUP_COUNT] = {
    [CGROUP_PATH] = {.name = "--path",
		     .kind = GUIDE_STRING,
		     .flags = GUIDE_INVERTIBLE,
		     .max = PATH_SIZE_MAX,
		     .excludes = 1u << CGROUP_CLASS},
    [CGROUP_CLASS] = {.name = "--cgroup",
		      .kind = GUIDE_NUMBER,
		      .flags = GUIDE_INVERTIBLE,
		      .max = UINT32_MAX,
		      .excludes = 1u << CGROUP_PATH},
};

static int cgroup_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, CGROUP_COUNT);
}

static int cgroup_finish(struct rule_parser *parser, struct match *match)
{
	const struct guided *cgroup = option_data(parser, &match->data, sizeof(*cgroup));

	if (!cgroup)
		return -ENOMEM;
	if (cgroup->seen)
		return 0;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m cgroup has no group"),
			"write --path or --cgroup");
	return -EINVAL;
}

static void cgroup_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m cgroup");
	guided_print_all(match->data, guides, CGROUP_COUNT, rule->chain->table->family, out);
}

const struct match_type match_cgroup = {
    .name = "cgroup",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = cgroup_parse,
    .finish = cgroup_finish,
    .print = cgroup_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .hooks = 1u << HOOK_INPUT | 1u << HOOK_OUTPUT | 1u << HOOK_POSTROUTING,
};
