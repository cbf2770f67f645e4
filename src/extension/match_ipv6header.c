/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m ipv6header: which extension headers an IPv6 packet has, exactly these or at least these (--soft):
 * ipv6header_mt6() in net/ipv6/netfilter/ip6t_ipv6header.c. It walks the chain in its own way: a later
 * fragment's data are followed as headers, and ESP or "no next header" are no protocol. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <netinet/in.h>

enum { HEADER_NAMES, HEADER_SOFT, HEADER_COUNT };

/* In the order in which iptables-save prints them; bits as MASK_HOPOPTS and its kind. */
static const struct {
	uint8_t protocol, bit;
	const char *printed;
} headers[] = {{IPPROTO_HOPOPTS, 128, "hop-by-hop"},
	       {IPPROTO_DSTOPTS, 64, "ipv6-opts"},
	       {IPPROTO_ROUTING, 32, "ipv6-route"},
	       {IPPROTO_FRAGMENT, 16, "ipv6-frag"},
	       {IPPROTO_AH, 8, "ah"},
	       {IPPROTO_ESP, 4, "esp"},
	       {IPPROTO_NONE, 2, "ipv6-nonxt"},
	       {IPPROTO_RAW, 1, "protocol"}};

#define BIT_PROTOCOL 1

/* ip6tables' own names, and those of /etc/protocols. */
static const struct {
	const char *name;
	uint8_t protocol;
} names[] = {{"hop-by-hop", IPPROTO_HOPOPTS},
	     {"hop", IPPROTO_HOPOPTS},
	     {"0", IPPROTO_HOPOPTS},
	     {"ip", IPPROTO_HOPOPTS},
	     {"IP", IPPROTO_HOPOPTS},
	     {"hopopt", IPPROTO_HOPOPTS},
	     {"HOPOPT", IPPROTO_HOPOPTS},
	     {"dst", IPPROTO_DSTOPTS},
	     {"60", IPPROTO_DSTOPTS},
	     {"ipv6-opts", IPPROTO_DSTOPTS},
	     {"IPv6-Opts", IPPROTO_DSTOPTS},
	     {"route", IPPROTO_ROUTING},
	     {"43", IPPROTO_ROUTING},
	     {"ipv6-route", IPPROTO_ROUTING},
	     {"IPv6-Route", IPPROTO_ROUTING},
	     {"frag", IPPROTO_FRAGMENT},
	     {"44", IPPROTO_FRAGMENT},
	     {"ipv6-frag", IPPROTO_FRAGMENT},
	     {"IPv6-Frag", IPPROTO_FRAGMENT},
	     {"auth", IPPROTO_AH},
	     {"51", IPPROTO_AH},
	     {"ah", IPPROTO_AH},
	     {"IPSEC-AH", IPPROTO_AH},
	     {"esp", IPPROTO_ESP},
	     {"50", IPPROTO_ESP},
	     {"IPSEC-ESP", IPPROTO_ESP},
	     {"none", IPPROTO_NONE},
	     {"59", IPPROTO_NONE},
	     {"ipv6-nonxt", IPPROTO_NONE},
	     {"IPv6-NoNxt", IPPROTO_NONE},
	     {"prot", IPPROTO_RAW},
	     {"protocol", IPPROTO_RAW},
	     {"255", IPPROTO_RAW}};

static uint8_t bit_of(unsigned protocol)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		if (headers[i].protocol == protocol)
			return headers[i].bit;
	return 0;
}

static int names_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const char hint[] = "names with commas between: hop, dst, route, frag, auth, esp, none, prot";
	struct comma_list list = {.rest = word->text};
	struct text part;

	while (comma_next(&list, &part)) {
		size_t i = 0, count = sizeof(names) / sizeof(*names);
		if (!part.size)
			continue; /* strtok() */
		while (i < count && !text_is(part, names[i].name))
			i++;
		if (i == count)
			return guided_refuse(parser, word, hint);
		value->number |= bit_of(names[i].protocol);
	}
	return value->number ? 0 : guided_refuse(parser, word, hint);
}

static const struct guide guides[HEADER_COUNT] = {
    [HEADER_NAMES] = {.name = "--header",
		      .kind = GUIDE_OWN,
		      .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
		      .parse = names_parse},
    [HEADER_SOFT] = {.name = "--soft", .kind = GUIDE_FLAG},
};

static int ipv6header_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, HEADER_COUNT);
}

static int ipv6header_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, HEADER_COUNT, match->span,
			     "-m ipv6header");
}

static void ipv6header_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *header = match->data;
	bool first = true;
	(void)rule;

	buffer_printf(out, "-m ipv6header%s --header ", guided_inverted(header, HEADER_NAMES) ? " !" : "");
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		if (!(header->values[HEADER_NAMES].number & headers[i].bit))
			continue;
		buffer_printf(out, "%s%s", first ? "" : ",", headers[i].printed);
		first = false;
	}
	guided_print(header, guides, HEADER_SOFT, FAMILY_IPV6, out);
}

/* Whether the packet's chain of headers is one that the kernel makes up its mind about; YES: *found are the
 * bits of what is in it. Each step goes on by 8 bytes or more. */
static enum truth walk(const struct packet *packet, struct evaluation *evaluation, unsigned *found)
{
	const uint8_t *bytes;
	uint32_t offset = 40;
	enum packet_part part = packet_read(packet, 0, 40, &bytes);

	if (part != PART_FOUND)
		return TRUTH_UNKNOWN;
	uint8_t next = bytes[6];
	*found = 0;
	while (next != IPPROTO_RAW && bit_of(next)) {
		if (next == IPPROTO_NONE) {
			*found |= bit_of(next);
			return TRUTH_YES;
		}
		if (packet->length < offset + 2)
			return TRUTH_NO;
		if (next == IPPROTO_ESP) {
			*found |= bit_of(next);
			return TRUTH_YES;
		}
		part = packet_read(packet, offset, 2, &bytes);
		if (part != PART_FOUND)
			return header_truth(part, evaluation);
		*found |= bit_of(next);
		offset += next == IPPROTO_FRAGMENT ? 8
			  : next == IPPROTO_AH     ? (bytes[1] + 2u) * 4
						   : (bytes[1] + 1u) * 8;
		next = bytes[0];
		if (offset > packet->length)
			break;
	}
	if (next != IPPROTO_NONE && next != IPPROTO_ESP)
		*found |= BIT_PROTOCOL;
	return TRUTH_YES;
}

static enum truth ipv6header_evaluate(const struct match *match, const struct rule *rule,
				      const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *header = match->data;
	unsigned wanted = (unsigned)header->values[HEADER_NAMES].number, found;
	bool inverted = guided_inverted(header, HEADER_NAMES);
	enum truth truth = walk(packet, evaluation, &found);
	(void)rule;

	if (truth != TRUTH_YES)
		return truth;
	if (guided_seen(header, HEADER_SOFT)) /* inverted: none of these */
		return truth_of((found & wanted) == (inverted ? 0 : wanted));
	return truth_of((found == wanted) != inverted);
}

const struct match_type match_ipv6header = {
    .name = "ipv6header",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = ipv6header_parse,
    .finish = ipv6header_finish,
    .print = ipv6header_print,
    .evaluate = ipv6header_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
