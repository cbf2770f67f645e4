/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ECN: sets the congestion bits of the IPv4 header and of the TCP header: net/ipv4/netfilter/ipt_ECN.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>

enum { ECN_REMOVE, ECN_CWR, ECN_ECE, ECN_ECT, ECN_COUNT };

#define TCP_ECE 0x40
#define TCP_CWR 0x80
#define TCP_HEADER_SIZE 20

struct ecn_target {
	struct guided guided;
	uint8_t flags_mask, flags; /* of the TCP header: TCP_ECE, TCP_CWR */
};

static const struct guide guides[ECN_COUNT] = {
    [ECN_REMOVE] = {.name = "--ecn-tcp-remove", .excludes = 1 << ECN_CWR | 1 << ECN_ECE},
    [ECN_CWR] = {.name = "--ecn-tcp-cwr", .kind = GUIDE_NUMBER, .max = 1, .excludes = 1 << ECN_REMOVE},
    [ECN_ECE] = {.name = "--ecn-tcp-ece", .kind = GUIDE_NUMBER, .max = 1, .excludes = 1 << ECN_REMOVE},
    [ECN_ECT] = {.name = "--ecn-ip-ect", .kind = GUIDE_NUMBER, .max = 3},
};

static int ecn_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct ecn_target), guides, ECN_COUNT);
}

static void read_flag(struct ecn_target *ecn, unsigned option, uint8_t flag)
{
	if (!guided_seen(&ecn->guided, option))
		return;
	ecn->flags_mask |= flag;
	if (ecn->guided.values[option].number)
		ecn->flags |= flag;
}

static int ecn_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct ecn_target), guides, ECN_COUNT,
				  target->span, "ECN");
	if (error)
		return error;
	struct ecn_target *ecn = target->data;
	if (!ecn->guided.seen) {
		diagnostic_hint(
		    option_error(parser, target->span, "missing-option", "ECN does not say what to set"),
		    "--ecn-tcp-remove, --ecn-tcp-cwr, --ecn-tcp-ece or --ecn-ip-ect");
		return -EINVAL;
	}
	if (guided_seen(&ecn->guided, ECN_REMOVE))
		ecn->flags_mask = TCP_ECE | TCP_CWR;
	read_flag(ecn, ECN_ECE, TCP_ECE);
	read_flag(ecn, ECN_CWR, TCP_CWR);
	return ecn->flags_mask
		   ? option_require_protocol(parser, target->span, "ECN --ecn-tcp-...", IPPROTO_TCP, "tcp")
		   : 0;
}

static void ecn_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct ecn_target *ecn = target->data;
	bool ect = guided_seen(&ecn->guided, ECN_ECT);
	(void)rule;

	if (ecn->flags_mask == (TCP_ECE | TCP_CWR) && !ecn->flags && !ect) {
		buffer_puts(out, " --ecn-tcp-remove");
		return;
	}
	if (ecn->flags_mask & TCP_ECE)
		buffer_printf(out, " --ecn-tcp-ece %d", ecn->flags & TCP_ECE ? 1 : 0);
	if (ecn->flags_mask & TCP_CWR)
		buffer_printf(out, " --ecn-tcp-cwr %d", ecn->flags & TCP_CWR ? 1 : 0);
	if (ect)
		buffer_printf(out, " --ecn-ip-ect %u", (unsigned)ecn->guided.values[ECN_ECT].number);
}

static void set_ect(struct packet *packet, uint8_t ect)
{
	uint8_t tos = (uint8_t)((packet->tos & ~3u) | ect);

	if (!(packet->known & KNOWN_TOS) || tos != packet->tos)
		packet_forget_bytes(packet);
	packet->tos = tos;
}

/* The kernel does not ask whether the packet is a later fragment: it takes what comes behind the IP header
 * for a TCP header, and drops the packet where that is too short for one. */
static void set_flags(const struct ecn_target *ecn, struct packet *packet, struct evaluation *evaluation)
{
	bool late = (packet->known & KNOWN_FRAGMENT) && packet->fragment_offset;
	uint32_t header = packet->bytes ? (packet->bytes[0] & 15) * 4u : 20;

	if (late && (packet->bytes || !packet->ip_options) && (packet->known & KNOWN_LENGTH))
		evaluation->hot_drop |= packet->length < header + TCP_HEADER_SIZE;
	if (packet->transport_short)
		evaluation->hot_drop = true;
	if (late || !(packet->known & KNOWN_TCP_FLAGS)) {
		packet_forget_bytes(packet);
		return;
	}
	uint8_t flags = (uint8_t)((packet->tcp_flags & ~ecn->flags_mask) | ecn->flags);
	if (flags == packet->tcp_flags)
		return;
	packet_forget_bytes(packet);
	if (evaluation->certain)
		packet->tcp_flags = flags;
	else
		packet->known &= ~(uint32_t)KNOWN_TCP_FLAGS;
}

static void ecn_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	const struct ecn_target *ecn = target->data;

	/* Before set_ect(), which may forget the bytes that tell the header's length. */
	if (ecn->flags_mask)
		set_flags(ecn, packet, evaluation);
	if (guided_seen(&ecn->guided, ECN_ECT))
		set_ect(packet, (uint8_t)ecn->guided.values[ECN_ECT].number);
}

const struct target_type target_ecn = {
    .name = "ECN",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = ecn_parse,
    .finish = ecn_finish,
    .print = ecn_print,
    .tables = 1 << TABLE_MANGLE,
    .apply = ecn_apply,
    .rewrites = KNOWN_TOS | KNOWN_TCP_FLAGS | KNOWN_BYTES,
};
