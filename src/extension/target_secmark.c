/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SECMARK: gives the packet a security label, by which the security module lets it in or does not; goes on:
 * net/netfilter/xt_SECMARK.c. Whether the module knows the label is not checked here. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

#define CONTEXT_MAX 255 /* SECMARK_SECCTX_MAX with the NUL; iptables cuts off what is longer */

static const struct guide guides[] = {
    {.name = "--selctx", .kind = GUIDE_STRING, .flags = GUIDE_MANDATORY, .min = 1, .max = UINT32_MAX},
};

static int secmark_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct guided), guides, 1);
}

static int secmark_finish(struct rule_parser *parser, struct target *target)
{
	int error =
	    guided_finish(parser, &target->data, sizeof(struct guided), guides, 1, target->span, "SECMARK");
	struct guided *secmark = target->data;

	if (!error && secmark->values[0].text.size > CONTEXT_MAX)
		secmark->values[0].text.size = CONTEXT_MAX;
	return error;
}

static void secmark_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *secmark = target->data;
	struct text context = secmark->values[0].text;
	(void)rule;

	/* As it is: iptables-save does not quote it. */
	buffer_printf(out, " --selctx %.*s", (int)context.size, context.data);
}

const struct target_type target_secmark = {
    .name = "SECMARK",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = secmark_parse,
    .finish = secmark_finish,
    .print = secmark_print,
    .tables = 1 << TABLE_MANGLE | 1 << TABLE_SECURITY,
};
