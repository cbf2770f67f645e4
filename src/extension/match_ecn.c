/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m ecn: the ECN bits of the IP header and of TCP (RFC 3168): net/netfilter/xt_ecn.c. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <netinet/in.h>

/* In the order in which iptables-save prints them. */
enum { ECN_ECE, ECN_CWR, ECN_IP, ECN_COUNT };

#define FLAG_ECE 0x40
#define FLAG_CWR 0x80

static const struct guide guides[ECN_COUNT] = {
    [ECN_ECE] = {.name = "--ecn-tcp-ece", .kind = GUIDE_FLAG, .flags = GUIDE_INVERTIBLE},
    [ECN_CWR] = {.name = "--ecn-tcp-cwr", .kind = GUIDE_FLAG, .flags = GUIDE_INVERTIBLE},
    [ECN_IP] = {.name = "--ecn-ip-ect", .kind = GUIDE_NUMBER, .flags = GUIDE_INVERTIBLE, .max = 3},
};

static int ecn_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, ECN_COUNT);
}

static int ecn_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, ECN_COUNT, match->span,
				  "-m ecn");
	if (error)
		return error;
	const struct guided *ecn = match->data;
	if (!ecn->seen) {
		diagnostic_hint(option_error(parser, match->span, "missing-option", "-m ecn has no option"),
				"write --ecn-ip-ect, --ecn-tcp-ece or --ecn-tcp-cwr");
		return -EINVAL;
	}
	if (!guided_seen(ecn, ECN_ECE) && !guided_seen(ecn, ECN_CWR))
		return 0;
	return option_require_protocol(parser, match->span, "-m ecn on TCP", IPPROTO_TCP, "tcp");
}

static void ecn_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m ecn");
	guided_print_all(match->data, guides, ECN_COUNT, rule->chain->table->family, out);
}

/* What the kernel takes for the flags of TCP; NO where there are not 20 bytes for a header, which does not
 * drop the packet here. In later fragments it looks at whatever is behind the IPv4 header; of IPv6 it takes
 * the IP header itself for TCP's (par->thoff is 0 then). */
static enum truth read_flags(const struct packet *packet, uint8_t *flags)
{
	struct header_changes changes;
	const uint8_t *bytes;

	if (!(packet->known & KNOWN_FRAGMENT))
		return TRUTH_UNKNOWN;
	if (packet->fragment_offset == 0) {
		*flags = packet->tcp_flags;
		return packet->known & KNOWN_TCP_FLAGS ? TRUTH_YES
		       : packet->transport_short       ? TRUTH_NO
						       : TRUTH_UNKNOWN;
	}
	if (packet_read(packet, 0, 1, &bytes) != PART_FOUND)
		return TRUTH_UNKNOWN;
	header_changes(packet, &changes);
	switch (header_read(packet, &changes, packet->family == FAMILY_IPV4 ? (bytes[0] & 15u) * 4 : 0, 20,
			    &bytes)) {
	case PART_FOUND:
		*flags = bytes[13];
		return TRUTH_YES;
	case PART_UNKNOWN:
		return TRUTH_UNKNOWN;
	default:
		return TRUTH_NO;
	}
}

static enum truth ecn_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *ecn = match->data;
	enum truth truth = TRUTH_YES;
	uint8_t flags = 0;
	(void)rule;
	(void)evaluation;

	if (guided_seen(ecn, ECN_IP))
		truth = packet->known & KNOWN_TOS
			    ? guided_truth(ecn, ECN_IP, (packet->tos & 3) == ecn->values[ECN_IP].number)
			    : TRUTH_UNKNOWN;
	if (!guided_seen(ecn, ECN_ECE) && !guided_seen(ecn, ECN_CWR))
		return truth;
	enum truth has_flags = read_flags(packet, &flags);
	if (has_flags == TRUTH_YES && guided_seen(ecn, ECN_ECE))
		truth = truth_and(truth, guided_truth(ecn, ECN_ECE, flags & FLAG_ECE));
	if (has_flags == TRUTH_YES && guided_seen(ecn, ECN_CWR))
		truth = truth_and(truth, guided_truth(ecn, ECN_CWR, flags & FLAG_CWR));
	return truth_and(truth, has_flags);
}

const struct match_type match_ecn = {
    .name = "ecn",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = ecn_parse,
    .finish = ecn_finish,
    .print = ecn_print,
    .evaluate = ecn_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
