/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m tcpmss: the MSS option of TCP: net/netfilter/xt_tcpmss.c. Without that option nothing matches but "!".
 * Of later fragments, too, it takes for a TCP header what is behind the IPv4 header, or the IPv6 header
 * itself (par->thoff is 0 then), and drops most of them so. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <netinet/in.h>

static const struct guide guides[] = {
    {.name = "--mss", .kind = GUIDE_RANGE, .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY, .max = UINT16_MAX}};

static int tcpmss_parse(struct rule_parser *parser, struct match *match)
{
	int taken = guided_parse(parser, &match->data, sizeof(struct guided), guides, 1);
	const struct guided *tcpmss = match->data;

	if (taken != 1 || tcpmss->values[0].number <= tcpmss->values[0].second)
		return taken;
	diagnostic_hint(parser_error(parser, NULL, "bad-value", "the range of --mss runs downwards"),
			"write %u:%u", (unsigned)tcpmss->values[0].second,
			(unsigned)tcpmss->values[0].number);
	return -EINVAL;
}

static int tcpmss_finish(struct rule_parser *parser, struct match *match)
{
	int error =
	    guided_finish(parser, &match->data, sizeof(struct guided), guides, 1, match->span, "-m tcpmss");

	return error ? error : option_require_protocol(parser, match->span, "-m tcpmss", IPPROTO_TCP, "tcp");
}

static void tcpmss_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	buffer_puts(out, "-m tcpmss");
	guided_print(match->data, guides, 0, FAMILY_IPV4, out);
}

/* The MSS option of a later fragment. */
static enum packet_part find_in_fragment(const struct packet *packet, const uint8_t **option)
{
	struct header_changes changes;
	const uint8_t *bytes;
	uint32_t offset = 0;

	if (packet_read(packet, 0, 1, &bytes) != PART_FOUND)
		return PART_UNKNOWN;
	if (packet->family == FAMILY_IPV4)
		offset = (bytes[0] & 15u) * 4;
	header_changes(packet, &changes);
	enum packet_part part = header_read(packet, &changes, offset, 20, &bytes);
	if (part != PART_FOUND)
		return part;
	uint32_t size = (bytes[12] >> 4) * 4u;
	if (size < 20)
		return PART_SHORT;
	size -= 20;
	part = header_read(packet, &changes, offset + 20, size, &bytes);
	for (uint32_t i = 0; part == PART_FOUND && i < size;) {
		uint8_t length = bytes[i] >= 2 && i + 1 < size ? bytes[i + 1] : 1;
		*option = bytes + i;
		if (bytes[i] == 2 && length == 4 && size - i >= 4)
			return PART_FOUND;
		i += length ? length : 1;
	}
	return part == PART_FOUND ? PART_ABSENT : part;
}

static enum truth tcpmss_evaluate(const struct match *match, const struct rule *rule,
				  const struct packet *packet, struct evaluation *evaluation)
{
	const uint8_t *option;
	enum packet_part part = PART_UNKNOWN;
	(void)rule;

	if (packet->known & KNOWN_FRAGMENT)
		part = packet->fragment_offset ? find_in_fragment(packet, &option)
					       : packet_tcp_option(packet, 2, 4, &option, NULL);
	if (part == PART_ABSENT)
		return truth_of(guided_inverted(match->data, 0));
	enum truth truth = header_truth(part, evaluation);
	/* cppcheck-suppress uninitvar ; what was found is there */
	return truth == TRUTH_YES ? header_in_range(match->data, 0, header_16(option + 2)) : truth;
}

const struct match_type match_tcpmss = {
    .name = "tcpmss",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = tcpmss_parse,
    .finish = tcpmss_finish,
    .print = tcpmss_print,
    .evaluate = tcpmss_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
