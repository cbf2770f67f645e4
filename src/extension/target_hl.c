/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TTL of IPv4 and HL of IPv6: set, raise or lower the hops that the packet has left: net/netfilter/xt_HL.c.
 */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

struct hl_target {
	struct guided guided;
};

enum { HL_SET, HL_LOWER, HL_RAISE, HL_COUNT };

/* Of both targets. */
#define HL_GUIDES(prefix)                                                                                    \
	{                                                                                                    \
		[HL_SET] = {.name = prefix "-set",                                                           \
			    .kind = GUIDE_NUMBER,                                                            \
			    .max = 255,                                                                      \
			    .excludes = 1 << HL_LOWER | 1 << HL_RAISE},                                      \
		[HL_LOWER] = {.name = prefix "-dec",                                                         \
			      .kind = GUIDE_NUMBER,                                                          \
			      .min = 1,                                                                      \
			      .max = 255,                                                                    \
			      .excludes = 1 << HL_SET | 1 << HL_RAISE},                                      \
		[HL_RAISE] = {.name = prefix "-inc",                                                         \
			      .kind = GUIDE_NUMBER,                                                          \
			      .min = 1,                                                                      \
			      .max = 255,                                                                    \
			      .excludes = 1 << HL_SET | 1 << HL_LOWER},                                      \
	}

static const struct guide guides[FAMILY_COUNT][HL_COUNT] = {
    [FAMILY_IPV4] = HL_GUIDES("--ttl"),
    [FAMILY_IPV6] = HL_GUIDES("--hl"),
};

static int hl_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct hl_target), guides[parser->family],
			    HL_COUNT);
}

static int hl_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct hl_target), guides[parser->family],
				  HL_COUNT, target->span, target->type->name);
	if (error)
		return error;
	const struct hl_target *hl = target->data;
	if (!hl->guided.seen) {
		const struct guide *all = guides[parser->family];
		diagnostic_hint(option_error(parser, target->span, "missing-option",
					     "%s does not say what to set", target->type->name),
				"%s, %s or %s", all[HL_SET].name, all[HL_LOWER].name, all[HL_RAISE].name);
		return -EINVAL;
	}
	return 0;
}

static void hl_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct hl_target *hl = target->data;
	enum family family = rule->chain->table->family;

	guided_print_all(&hl->guided, guides[family], HL_COUNT, family, out);
}

static void hl_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *guided = &((const struct hl_target *)target->data)->guided;
	unsigned old = packet->ttl, new = old;
	bool was_known = packet->known & KNOWN_TTL;
	(void)evaluation;

	if (guided_seen(guided, HL_SET)) {
		new = (unsigned)guided->values[HL_SET].number;
		packet->known |= KNOWN_TTL;
	} else if (guided_seen(guided, HL_RAISE)) {
		new += (unsigned)guided->values[HL_RAISE].number;
	} else {
		unsigned less = (unsigned)guided->values[HL_LOWER].number;
		new = less < old ? old - less : 0;
	}
	packet->ttl = new > 255 ? 255 : (uint8_t) new;
	if (!was_known || packet->ttl != old) /* IPv4: the header's checksum, too */
		packet_forget_bytes(packet);
}

const struct target_type target_ttl = {
    .name = "TTL",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = hl_parse,
    .finish = hl_finish,
    .print = hl_print,
    .tables = 1 << TABLE_MANGLE,
    .apply = hl_apply,
    .rewrites = KNOWN_TTL | KNOWN_BYTES,
};

const struct target_type target_hl = {
    .name = "HL",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = hl_parse,
    .finish = hl_finish,
    .print = hl_print,
    .tables = 1 << TABLE_MANGLE,
    .apply = hl_apply,
    .rewrites = KNOWN_TTL | KNOWN_BYTES,
};
