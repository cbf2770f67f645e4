/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m ah: the SPI of an authentication header (RFC 4302). In IPv4 the protocol behind the IP header,
 * net/ipv4/netfilter/ipt_ah.c; in IPv6 wherever it is in the chain of headers, with its length and reserved
 * field, net/ipv6/netfilter/ip6t_ah.c. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <netinet/in.h>

enum { AH_SPI, AH_IPV4_COUNT, AH_LENGTH = AH_IPV4_COUNT, AH_RESERVED, AH_COUNT };

#define AH_SIZE 12 /* struct ip_auth_hdr */

static const struct guide guides[AH_COUNT] = {
    [AH_SPI] = {.name = "--ahspi", .kind = GUIDE_RANGE, .flags = GUIDE_INVERTIBLE, .max = UINT32_MAX},
    [AH_LENGTH] = {.name = "--ahlen", .kind = GUIDE_NUMBER, .flags = GUIDE_INVERTIBLE, .max = UINT32_MAX},
    [AH_RESERVED] = {.name = "--ahres", .kind = GUIDE_FLAG},
};

static int ah_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides,
			    parser->family == FAMILY_IPV4 ? AH_IPV4_COUNT : AH_COUNT);
}

static int ah_finish(struct rule_parser *parser, struct match *match)
{
	unsigned count = parser->family == FAMILY_IPV4 ? AH_IPV4_COUNT : AH_COUNT;
	int error =
	    guided_finish(parser, &match->data, sizeof(struct guided), guides, count, match->span, "-m ah");

	if (!error && parser->family == FAMILY_IPV4)
		error = option_require_protocol(parser, match->span, "-m ah", IPPROTO_AH, "ah");
	return error;
}

static void ah_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *ah = match->data;

	buffer_puts(out, "-m ah");
	header_print_range(ah, guides, AH_SPI, out);
	if (rule->chain->table->family == FAMILY_IPV4)
		return;
	/* A length of 0 means any, so "! --ahlen 0" is always true: the kernel looks at the length first. */
	if (guided_seen(ah, AH_LENGTH) && (ah->values[AH_LENGTH].number || guided_inverted(ah, AH_LENGTH)))
		guided_print(ah, guides, AH_LENGTH, FAMILY_IPV6, out);
	guided_print(ah, guides, AH_RESERVED, FAMILY_IPV6, out);
}

static enum truth ah_evaluate(const struct match *match, const struct rule *rule, const struct packet *packet,
			      struct evaluation *evaluation)
{
	const struct guided *ah = match->data;
	const uint8_t *header;
	uint32_t offset;
	enum truth truth;
	(void)rule;

	if (packet->family == FAMILY_IPV4) {
		truth = header_transport(packet, IPPROTO_AH, AH_SIZE, evaluation, &header, NULL);
		return truth == TRUTH_YES ? header_in_range(ah, AH_SPI, header_32(header + 4)) : truth;
	}
	truth = header_truth(packet_header(packet, IPPROTO_AH, AH_SIZE, &header, &offset), evaluation);
	if (truth != TRUTH_YES)
		return truth;
	if (header_fits(packet, offset, (header[1] + 2u) * 4, evaluation) == TRUTH_NO)
		return TRUTH_NO;
	truth = header_in_range(ah, AH_SPI, header_32(header + 4));
	if (guided_seen(ah, AH_LENGTH) && ah->values[AH_LENGTH].number)
		truth = truth_and(
		    truth, guided_truth(ah, AH_LENGTH, ah->values[AH_LENGTH].number == (header[1] + 2u) * 4));
	if (guided_seen(ah, AH_RESERVED))
		truth = truth_and(truth, truth_of(header_16(header + 2) == 0));
	return truth;
}

static diagram_node ah_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	return header_mean_range(match, rule, fields, guides, AH_SPI);
}

const struct match_type match_ah = {
    .name = "ah",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = ah_parse,
    .finish = ah_finish,
    .print = ah_print,
    .evaluate = ah_evaluate,
    .declare = unseen_declare,
    .mean = ah_mean,
};
