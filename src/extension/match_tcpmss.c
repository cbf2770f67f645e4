/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m tcpmss: the MSS option of TCP: net/netfilter/xt_tcpmss.c. Without that option nothing matches but "!". */
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
			"write %u:%u", (unsigned)tcpmss->values[0].second, (unsigned)tcpmss->values[0].number);
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

static enum truth tcpmss_evaluate(const struct match *match, const struct rule *rule,
				  const struct packet *packet, struct evaluation *evaluation)
{
	const uint8_t *option;
	(void)rule;

	switch (packet_tcp_option(packet, 2, 4, &option, NULL)) {
	case PART_FOUND:
		return header_in_range(match->data, 0, header_16(option + 2));
	case PART_ABSENT:
		return truth_of(guided_inverted(match->data, 0));
	case PART_SHORT:
		evaluation->hot_drop = true;
		return TRUTH_NO;
	case PART_UNKNOWN:
		break;
	}
	return TRUTH_UNKNOWN;
}

const struct match_type match_tcpmss = {
    .name = "tcpmss",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = tcpmss_parse,
    .finish = tcpmss_finish,
    .print = tcpmss_print,
    .evaluate = tcpmss_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
