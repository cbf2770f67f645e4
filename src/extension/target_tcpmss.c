/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCPMSS: lowers the maximum segment size that a SYN announces, or adds one: net/netfilter/xt_TCPMSS.c. A
 * packet without room for it becomes 4 bytes longer. */
#include "extension/guided.h"
#include "extension/tcp_header.h"
#include "extension/types.h"

#include <errno.h>

struct tcpmss_target {
	struct guided guided;
	bool clamp;   /* to the path's MTU */
	uint16_t mss; /* else */
};

enum { TCPMSS_SET, TCPMSS_CLAMP, TCPMSS_COUNT };

static const struct guide guides[FAMILY_COUNT][TCPMSS_COUNT] = {
    [FAMILY_IPV4] = {{.name = "--set-mss", .kind = GUIDE_NUMBER, .max = UINT16_MAX - 20},
		     {.name = "--clamp-mss-to-pmtu"}},
    [FAMILY_IPV6] = {{.name = "--set-mss", .kind = GUIDE_NUMBER, .max = UINT16_MAX - 40},
		     {.name = "--clamp-mss-to-pmtu"}},
};

/* Both may be given: the last one counts. */
static int tcpmss_parse(struct rule_parser *parser, struct target *target)
{
	const struct tcpmss_target *old = target->data;
	unsigned before = old ? old->guided.seen : 0;
	int taken = guided_parse(parser, &target->data, sizeof(struct tcpmss_target), guides[parser->family],
				 TCPMSS_COUNT);

	if (taken != 1)
		return taken;
	struct tcpmss_target *tcpmss = target->data;
	tcpmss->clamp = (tcpmss->guided.seen & ~before) == 1u << TCPMSS_CLAMP;
	if (!tcpmss->clamp)
		tcpmss->mss = (uint16_t)tcpmss->guided.values[TCPMSS_SET].number;
	return 1;
}

/* find_syn_match(): some -m tcp compares the flags with a list that has SYN in it. */
static bool matches_syn(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (rule->matches[i].type == &match_tcp && match_tcp_wants_syn(&rule->matches[i]))
			return true;
	return false;
}

static int tcpmss_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct tcpmss_target), guides[parser->family],
				  TCPMSS_COUNT, target->span, "TCPMSS");
	if (error)
		return error;
	const struct tcpmss_target *tcpmss = target->data;
	if (!tcpmss->guided.seen) {
		diagnostic_hint(option_error(parser, target->span, "missing-option",
					     "TCPMSS does not say which size to set"),
				"--set-mss or --clamp-mss-to-pmtu");
		return -EINVAL;
	}
	error = option_require_protocol(parser, target->span, "TCPMSS", IPPROTO_TCP, "tcp");
	if (error)
		return error;
	/* tcpmss_tg4_check() does not look for the match when nft_compat asks. */
	if (!option_is_nft(parser) && !matches_syn(parser->rule)) {
		diagnostic_hint(option_error(parser, target->span, "missing-option",
					     "TCPMSS works on SYN packets only, and the rule takes others"),
				"write -m tcp --tcp-flags SYN,RST SYN");
		return -EINVAL;
	}
	if (tcpmss->clamp)
		target->type = &target_tcpmss_clamp;
	return 0;
}

static void tcpmss_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct tcpmss_target *tcpmss = target->data;
	(void)rule;

	if (tcpmss->clamp)
		buffer_puts(out, " --clamp-mss-to-pmtu");
	else
		buffer_printf(out, " --set-mss %u", tcpmss->mss);
}

/* The place of the option, 0 when there is none. */
static uint32_t find_mss(const uint8_t *header, uint32_t size)
{
	for (uint32_t at = TCP_HEADER_MIN; at + TCP_OPTION_MSS_SIZE <= size;
	     at += tcp_option_size(header, at))
		if (header[at] == TCP_OPTION_MSS && header[at + 1] == TCP_OPTION_MSS_SIZE)
			return at;
	return 0;
}

static void lengthen(struct packet *packet, bool certain)
{
	if (certain && (packet->known & KNOWN_LENGTH))
		packet->length += TCP_OPTION_MSS_SIZE;
	else
		packet->known &= ~(uint32_t)KNOWN_LENGTH;
	packet_forget_bytes(packet);
}

static void tcpmss_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	const struct tcpmss_target *tcpmss = target->data;
	const uint8_t *header = NULL;
	uint32_t size = 0, offset = 0;

	switch (tcp_header_whole(packet, &header, &size, &offset)) {
	case PART_ABSENT:
		return;
	case PART_SHORT:
		evaluation->hot_drop = true;
		return;
	case PART_UNKNOWN:
		lengthen(packet, false);
		return;
	case PART_FOUND:
		break;
	}
	uint32_t at = find_mss(header, size);
	if (at) {
		unsigned old = (unsigned)header[at + 2] << 8 | header[at + 3];
		if (tcpmss->clamp || old > tcpmss->mss)
			packet_forget_bytes(packet);
		return;
	}
	/* There must be no data that would have to be moved, and room in the header's length. */
	if (!(packet->known & KNOWN_LENGTH))
		lengthen(packet, false);
	else if (packet->length <= offset + size && size < TCP_HEADER_MAX)
		lengthen(packet, evaluation->certain);
}

const struct target_type target_tcpmss = {
    .name = "TCPMSS",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = tcpmss_parse,
    .finish = tcpmss_finish,
    .print = tcpmss_print,
    .apply = tcpmss_apply,
    .rewrites = KNOWN_LENGTH | KNOWN_BYTES,
};

/* TCPMSS --clamp-mss-to-pmtu, as tcpmss_finish() finds out: it needs a route. */
const struct target_type target_tcpmss_clamp = {
    .name = "TCPMSS",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = tcpmss_parse,
    .finish = tcpmss_finish,
    .print = tcpmss_print,
    .hooks = 1 << HOOK_FORWARD | 1 << HOOK_OUTPUT | 1 << HOOK_POSTROUTING,
    .apply = tcpmss_apply,
    .rewrites = KNOWN_LENGTH | KNOWN_BYTES,
};
