/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m esp and -m ipcomp: the SPI of what is encrypted (RFC 4303), the CPI of what is compressed (RFC 3173):
 * net/netfilter/xt_esp.c and xt_ipcomp.c. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <netinet/in.h>

#define PROTOCOL_IPCOMP 108 /* IPPROTO_COMP */

static const struct guide esp_guides[] = {
    {.name = "--espspi", .kind = GUIDE_RANGE, .flags = GUIDE_INVERTIBLE, .max = UINT32_MAX}};

static int esp_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), esp_guides, 1);
}

static int esp_finish(struct rule_parser *parser, struct match *match)
{
	int error =
	    guided_finish(parser, &match->data, sizeof(struct guided), esp_guides, 1, match->span, "-m esp");

	return error ? error : option_require_protocol(parser, match->span, "-m esp", IPPROTO_ESP, "esp");
}

static void esp_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	buffer_puts(out, "-m esp");
	header_print_range(match->data, esp_guides, 0, out);
}

static enum truth esp_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const uint8_t *header;
	enum truth truth = header_transport(packet, IPPROTO_ESP, 8, evaluation, &header, NULL);
	(void)rule;

	return truth == TRUTH_YES ? header_in_range(match->data, 0, header_32(header)) : truth;
}

static diagram_node esp_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	return header_mean_range(match, rule, fields, esp_guides, 0);
}

const struct match_type match_esp = {
    .name = "esp",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = esp_parse,
    .finish = esp_finish,
    .print = esp_print,
    .evaluate = esp_evaluate,
    .declare = unseen_declare,
    .mean = esp_mean,
};

/* Without --ipcompspi the range is 0 to 0, and printed so. Of --compres the kernel takes no notice. */
enum { IPCOMP_SPI, IPCOMP_RESERVED, IPCOMP_COUNT };

static const struct guide ipcomp_guides[IPCOMP_COUNT] = {
    [IPCOMP_SPI] = {.name = "--ipcompspi", .kind = GUIDE_RANGE, .flags = GUIDE_INVERTIBLE, .max = UINT32_MAX},
    [IPCOMP_RESERVED] = {.name = "--compres", .kind = GUIDE_FLAG},
};

static int ipcomp_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), ipcomp_guides, IPCOMP_COUNT);
}

static int ipcomp_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), ipcomp_guides, IPCOMP_COUNT,
				  match->span, "-m ipcomp");

	if (error)
		return error;
	((struct guided *)match->data)->seen |= 1u << IPCOMP_SPI;
	return option_require_protocol(parser, match->span, "-m ipcomp", PROTOCOL_IPCOMP, "ipcomp");
}

static void ipcomp_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	buffer_puts(out, "-m ipcomp");
	header_print_range(match->data, ipcomp_guides, IPCOMP_SPI, out);
	guided_print(match->data, ipcomp_guides, IPCOMP_RESERVED, FAMILY_IPV4, out);
}

static enum truth ipcomp_evaluate(const struct match *match, const struct rule *rule,
				  const struct packet *packet, struct evaluation *evaluation)
{
	const uint8_t *header;
	enum truth truth = header_transport(packet, PROTOCOL_IPCOMP, 4, evaluation, &header, NULL);
	(void)rule;

	return truth == TRUTH_YES ? header_in_range(match->data, IPCOMP_SPI, header_16(header + 2)) : truth;
}

static diagram_node ipcomp_mean(const struct match *match, const struct rule *rule,
				const struct fields *fields)
{
	return header_mean_range(match, rule, fields, ipcomp_guides, IPCOMP_SPI);
}

const struct match_type match_ipcomp = {
    .name = "ipcomp",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = ipcomp_parse,
    .finish = ipcomp_finish,
    .print = ipcomp_print,
    .evaluate = ipcomp_evaluate,
    .declare = unseen_declare,
    .mean = ipcomp_mean,
};
