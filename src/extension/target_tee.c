/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TEE: sends a copy of the packet to a gateway and goes on with the packet itself: net/netfilter/xt_TEE.c.
 * What the copy does there nobody can know here, so that no packet with a copy is dropped early. */
#include "extension/extension.h"
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

#define INTERFACE_MAX 15 /* struct xt_tee_tginfo has 16 bytes; iptables cuts off what is longer */

enum { TEE_GATEWAY, TEE_OIF, TEE_COUNT };

static const struct guide guides[TEE_COUNT] = {
    {.name = "--gateway", .kind = GUIDE_ADDRESS, .flags = GUIDE_MANDATORY},
    {.name = "--oif", .kind = GUIDE_STRING, .max = UINT32_MAX},
};

static int tee_parse(struct rule_parser *parser, struct target *target)
{
	unsigned before = guided_taken(target->data);
	int result = guided_parse(parser, &target->data, sizeof(struct guided), guides, TEE_COUNT);
	const struct guided *tee = target->data;

	if (result != 1 || tee->seen != (before | 1u << TEE_GATEWAY))
		return result;
	if (!tee->values[TEE_GATEWAY].address) /* tee_tg_check() */
		return guided_refuse(parser, parser->argument, "an address other than zero");
	return 1;
}

static int tee_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct guided), guides, TEE_COUNT,
				  target->span, "TEE");
	struct guided *tee = target->data;

	if (!error && tee->values[TEE_OIF].text.size > INTERFACE_MAX)
		tee->values[TEE_OIF].text.size = INTERFACE_MAX;
	return error;
}

static void tee_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *tee = target->data;
	struct text oif = tee->values[TEE_OIF].text;

	guided_print(tee, guides, TEE_GATEWAY, rule->chain->table->family, out);
	if (oif.size) /* as it is: iptables-save does not quote it */
		buffer_printf(out, " --oif %.*s", (int)oif.size, oif.data);
}

bool target_tee(const struct target *target, enum family family, uint8_t gateway[16])
{
	const struct guided *tee = target->data;

	if (target->type != &target_tee_type)
		return false;
	address_to_bytes(family, tee->values[TEE_GATEWAY].address, gateway);
	return true;
}

const struct target_type target_tee_type = {
    .name = "TEE",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .effects = EFFECT_UNKNOWN,
    .parse = tee_parse,
    .finish = tee_finish,
    .print = tee_print,
};
