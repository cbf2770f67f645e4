/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mirror: TEE in table mangle, of packets as they arrive (PREROUTING) and of those that answer them as they
 * leave (POSTROUTING): each packet once.
 *
 * A copy is sent as if the host had made it: it passes OUTPUT and POSTROUTING, where TEE leaves it alone
 * (nf_skb_duplicated in net/netfilter/nf_dup_netdev.c and net/ipv4/netfilter/nf_dup_ipv4.c). A receiver that
 * forwards would send it back: so nothing that comes in by the mirror's device is copied. */
#include "read/policy/render_private.h"

#include <stdio.h>

struct mirror {
	const struct policy_statement *statement;
	enum family family;
	const char *name; /* of the chain that copies */
};

static void pass_device(struct render *render, const struct mirror *mirror, const char *chain, char option,
			const char *device)
{
	if (device[0])
		render_rule(render, mirror->family, TABLE_MANGLE, mirror->statement->span,
			    "-A %s -%c %s -j RETURN", chain, option, device);
}

static void lead(struct render *render, const struct mirror *mirror, const char *chain,
		 const struct selector_place *place, const char *more, const char *target)
{
	struct conditions conditions = {0};

	selector_conditions(render, &mirror->statement->selector, place, &conditions);
	for (size_t i = 0; i < conditions.count; i++)
		render_rule(render, mirror->family, TABLE_MANGLE, mirror->statement->span, "-A %s%s%s %s",
			    chain, conditions.texts[i], more, target);
}

static void put_copy(struct render *render, const struct mirror *mirror)
{
	const struct policy_mirror *what = &mirror->statement->mirror;
	char sample[80] = "";

	if (what->sample > 1)
		snprintf(sample, sizeof(sample), " -m statistic --mode random --probability %.11f",
			 1.0 / what->sample);
	render_rule(render, mirror->family, TABLE_MANGLE, mirror->statement->span,
		    "-A %s%s -j TEE --gateway %s%s%s", mirror->name, sample,
		    render_address(render, mirror->family, what->gateway[mirror->family]),
		    what->device[0] ? " --oif " : "", what->device);
}

static void put_mirror(struct render *render, const struct policy_statement *statement, enum family family)
{
	unsigned number = render_number(render, statement);
	struct mirror mirror = {statement, family, arena_printf(render->arena, "weir-mirror-%u", number)};
	const char *in = arena_printf(render->arena, "weir-mirror-%u-in", number);
	const char *out = arena_printf(render->arena, "weir-mirror-%u-out", number);
	const char *then = arena_printf(render->arena, "-g weir-mirror-%u", number);
	const struct selector_place arriving = {.family = family, .hook = HOOK_PREROUTING},
				    leaving = {.family = family, .hook = HOOK_POSTROUTING},
				    answers = {.family = family, .hook = HOOK_POSTROUTING, .answers = true};

	if (!mirror.name || !in || !out || !then) {
		render->failed = true;
		return;
	}
	render_chain(render, family, TABLE_MANGLE, statement->span, mirror.name);
	render_chain(render, family, TABLE_MANGLE, statement->span, in);
	render_rule(render, family, TABLE_MANGLE, statement->span, "-A PREROUTING -j %s", in);
	pass_device(render, &mirror, in, 'i', "lo");
	pass_device(render, &mirror, in, 'i', statement->mirror.device);
	lead(render, &mirror, in, &arriving, "", then);
	if (statement->both_directions) {
		render_chain(render, family, TABLE_MANGLE, statement->span, out);
		render_rule(render, family, TABLE_MANGLE, statement->span, "-A POSTROUTING -j %s", out);
		pass_device(render, &mirror, out, 'o', "lo");
		pass_device(render, &mirror, out, 'o', statement->mirror.device);
		/* What is passed on, and could be of both directions, has been copied when it arrived. */
		if (!statement->selector.device_count)
			lead(render, &mirror, out, &leaving, " -m addrtype ! --src-type LOCAL", "-j RETURN");
		lead(render, &mirror, out, &answers, "", then);
	}
	put_copy(render, &mirror);
}

void render_mirrors(struct render *render, enum family family)
{
	for (size_t i = 0; i < render->tree->statement_count; i++) {
		const struct policy_statement *statement = &render->tree->statements[i];
		if (statement->kind != STATEMENT_MIRROR || !statement->mirror.has_gateway[family] ||
		    !statement->selector.families[family])
			continue;
		if (statement->mirror.truncate) {
			if (family == FAMILY_IPV4 || !statement->mirror.has_gateway[FAMILY_IPV4] ||
			    !statement->selector.families[FAMILY_IPV4])
				render_refuse(render, statement->span,
					      "leave it out, and cut at the receiver: tcpdump -s",
					      "copies cannot be cut short: neither TEE nor nft dup can");
			continue;
		}
		put_mirror(render, statement, family);
	}
}
