/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m rt: the routing header of IPv6, and the addresses of one of type 0 (RFC 5095 has put an end to those):
 * rt_mt6() in net/ipv6/netfilter/ip6t_rt.c. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <netinet/in.h>

#define ADDRESSES_MAX 16 /* IP6T_RT_HOPS */

enum { RT_TYPE, RT_SEGMENTS, RT_LENGTH, RT_RESERVED, RT_ADDRESSES, RT_NOT_STRICT, RT_COUNT };

struct hops {
	unsigned count;
	address addresses[ADDRESSES_MAX];
};

static int addresses_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct comma_list list = {.rest = word->text};
	struct hops *hops = arena_alloc(parser->ruleset->arena, sizeof(*hops));
	struct text part;

	if (!hops)
		return -ENOMEM;
	value->own = hops;
	while (comma_next(&list, &part)) {
		if (hops->count == ADDRESSES_MAX ||
		    address_parse(FAMILY_IPV6, part, &hops->addresses[hops->count]))
			return guided_refuse(parser, word, "up to 16 IPv6 addresses with commas between");
		hops->count++;
	}
	return 0;
}

static const struct guide guides[RT_COUNT] = {
    [RT_TYPE] = {.name = "--rt-type", .kind = GUIDE_NUMBER, .flags = GUIDE_INVERTIBLE, .max = UINT32_MAX},
    [RT_SEGMENTS] = {.name = "--rt-segsleft",
		     .kind = GUIDE_RANGE,
		     .flags = GUIDE_INVERTIBLE,
		     .max = UINT32_MAX},
    [RT_LENGTH] = {.name = "--rt-len", .kind = GUIDE_NUMBER, .flags = GUIDE_INVERTIBLE, .max = UINT32_MAX},
    [RT_RESERVED] = {.name = "--rt-0-res", .kind = GUIDE_FLAG},
    [RT_ADDRESSES] = {.name = "--rt-0-addrs", .kind = GUIDE_OWN, .parse = addresses_parse},
    [RT_NOT_STRICT] = {.name = "--rt-0-not-strict", .kind = GUIDE_FLAG},
};

/* iptables wants these behind --rt-type 0, and the last one behind the addresses. */
static int order_check(struct rule_parser *parser, const struct guided *rt)
{
	if ((parser_option_is(parser, "--rt-0-res") || parser_option_is(parser, "--rt-0-addrs")) &&
	    (!guided_seen(rt, RT_TYPE) || rt->values[RT_TYPE].number || guided_inverted(rt, RT_TYPE))) {
		diagnostic_hint(parser_error(parser, NULL, "missing-option", "%.*s is for type 0 only",
					     (int)parser->option->text.size, parser->option->text.data),
				"write --rt-type 0 before it");
		return -EINVAL;
	}
	if (parser_option_is(parser, "--rt-0-not-strict") && !guided_seen(rt, RT_ADDRESSES)) {
		diagnostic_hint(
		    parser_error(parser, NULL, "missing-option", "--rt-0-not-strict needs addresses"),
		    "write --rt-0-addrs before it");
		return -EINVAL;
	}
	return 0;
}

static int rt_parse(struct rule_parser *parser, struct match *match)
{
	int taken = guided_parse(parser, &match->data, sizeof(struct guided), guides, RT_COUNT);
	int error = taken == 1 ? order_check(parser, match->data) : 0;

	return error ? error : taken;
}

static int rt_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, RT_COUNT, match->span,
			     "-m rt");
}

static void rt_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *rt = match->data;
	const struct hops *hops = rt->values[RT_ADDRESSES].own;
	(void)rule;

	buffer_puts(out, "-m rt");
	guided_print(rt, guides, RT_TYPE, FAMILY_IPV6, out);
	header_print_range(rt, guides, RT_SEGMENTS, out);
	guided_print(rt, guides, RT_LENGTH, FAMILY_IPV6, out);
	guided_print(rt, guides, RT_RESERVED, FAMILY_IPV6, out);
	if (guided_seen(rt, RT_ADDRESSES))
		buffer_puts(out, " --rt-0-addrs");
	for (unsigned i = 0; guided_seen(rt, RT_ADDRESSES) && i < hops->count; i++) {
		buffer_puts(out, i ? "," : " ");
		address_print(FAMILY_IPV6, hops->addresses[i], out);
	}
	guided_print(rt, guides, RT_NOT_STRICT, FAMILY_IPV6, out);
}

/* Strict: all of the list and nothing else. Not strict: in this order, with others between or behind. */
static enum truth addresses_evaluate(const struct guided *rt, const struct packet *packet, uint32_t offset,
				     uint32_t count)
{
	const struct hops *hops = rt->values[RT_ADDRESSES].own;
	bool strict = !guided_seen(rt, RT_NOT_STRICT);
	unsigned found = 0;

	if (hops->count > count || (strict && hops->count != count))
		return TRUTH_NO;
	for (uint32_t i = 0; i < count && found < hops->count; i++) {
		const uint8_t *bytes;
		if (packet_read(packet, offset + 8 + i * 16, 16, &bytes) != PART_FOUND)
			return TRUTH_UNKNOWN;
		if (address_from_bytes(FAMILY_IPV6, bytes) == hops->addresses[found])
			found++;
		else if (strict)
			return TRUTH_NO;
	}
	return truth_of(found == hops->count);
}

static enum truth rt_evaluate(const struct match *match, const struct rule *rule, const struct packet *packet,
			      struct evaluation *evaluation)
{
	const struct guided *rt = match->data;
	const uint8_t *header, *reserved;
	uint32_t offset;
	enum truth truth =
	    header_truth(packet_header(packet, IPPROTO_ROUTING, 4, &header, &offset), evaluation);
	(void)rule;

	if (truth != TRUTH_YES)
		return truth;
	uint32_t length = (header[1] + 1u) * 8;
	if (header_fits(packet, offset, length, evaluation) == TRUTH_NO)
		return TRUTH_NO;
	truth = header_in_range(rt, RT_SEGMENTS, header[3]);
	if (guided_seen(rt, RT_LENGTH))
		truth = truth_and(truth, guided_truth(rt, RT_LENGTH, length == rt->values[RT_LENGTH].number));
	if (guided_seen(rt, RT_TYPE))
		truth = truth_and(truth, guided_truth(rt, RT_TYPE, header[2] == rt->values[RT_TYPE].number));
	if (truth == TRUTH_YES && guided_seen(rt, RT_RESERVED))
		truth = packet_read(packet, offset + 4, 4, &reserved) == PART_FOUND
			    ? truth_of(header_32(reserved) == 0)
			    : TRUTH_UNKNOWN;
	if (guided_seen(rt, RT_ADDRESSES))
		truth = truth_and(truth, addresses_evaluate(rt, packet, offset, (length - 8) / 16));
	return truth;
}

static diagram_node rt_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	return header_mean_range(match, rule, fields, guides, RT_SEGMENTS);
}

const struct match_type match_rt = {
    .name = "rt",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = rt_parse,
    .finish = rt_finish,
    .print = rt_print,
    .evaluate = rt_evaluate,
    .declare = unseen_declare,
    .mean = rt_mean,
};
