/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * CHECKSUM --checksum-fill: computes a checksum that was left to a device: net/netfilter/xt_CHECKSUM.c. */
#include "extension/guided.h"
#include "extension/types.h"

struct checksum_target {
	struct guided guided;
};

static const struct guide guides[] = {
    {.name = "--checksum-fill", .flags = GUIDE_MANDATORY},
};

static int checksum_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct checksum_target), guides, 1);
}

static int checksum_finish(struct rule_parser *parser, struct target *target)
{
	return guided_finish(parser, &target->data, sizeof(struct checksum_target), guides, 1, target->span,
			     "CHECKSUM");
}

static void checksum_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	(void)target;
	(void)rule;
	buffer_puts(out, " --checksum-fill");
}

/* Whether the checksum in the bytes is one that was left open cannot be seen from them. */
static void checksum_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	(void)target;
	(void)evaluation;
	packet_forget_bytes(packet);
}

const struct target_type target_checksum = {
    .name = "CHECKSUM",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = checksum_parse,
    .finish = checksum_finish,
    .print = checksum_print,
    .tables = 1 << TABLE_MANGLE,
    .apply = checksum_apply,
    .rewrites = KNOWN_BYTES,
};
