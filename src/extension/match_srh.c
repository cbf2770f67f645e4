/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m srh: the segment routing header of IPv6 (RFC 8754): srh1_mt6() in net/ipv6/netfilter/ip6t_srh.c. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <netinet/in.h>
#include <string.h>

enum {
	SRH_NEXT_HEADER,
	SRH_LENGTH_EQ,
	SRH_LENGTH_GT,
	SRH_LENGTH_LT,
	SRH_LEFT_EQ,
	SRH_LEFT_GT,
	SRH_LEFT_LT,
	SRH_LAST_EQ,
	SRH_LAST_GT,
	SRH_LAST_LT,
	SRH_TAG,
	SRH_PREVIOUS,
	SRH_NEXT,
	SRH_FINAL,
	SRH_COUNT,
};

#define NUMBER(option, most)                                                                                 \
	{                                                                                                    \
		.name = option, .kind = GUIDE_NUMBER, .flags = GUIDE_INVERTIBLE, .max = most                 \
	}
#define SEGMENT(option)                                                                                      \
	{                                                                                                    \
		.name = option, .kind = GUIDE_ADDRESS_MASK, .flags = GUIDE_INVERTIBLE                        \
	}

static const struct guide guides[SRH_COUNT] = {
    [SRH_NEXT_HEADER] = NUMBER("--srh-next-hdr", UINT8_MAX),
    [SRH_LENGTH_EQ] = NUMBER("--srh-hdr-len-eq", UINT8_MAX),
    [SRH_LENGTH_GT] = NUMBER("--srh-hdr-len-gt", UINT8_MAX),
    [SRH_LENGTH_LT] = NUMBER("--srh-hdr-len-lt", UINT8_MAX),
    [SRH_LEFT_EQ] = NUMBER("--srh-segs-left-eq", UINT8_MAX),
    [SRH_LEFT_GT] = NUMBER("--srh-segs-left-gt", UINT8_MAX),
    [SRH_LEFT_LT] = NUMBER("--srh-segs-left-lt", UINT8_MAX),
    [SRH_LAST_EQ] = NUMBER("--srh-last-entry-eq", UINT8_MAX),
    [SRH_LAST_GT] = NUMBER("--srh-last-entry-gt", UINT8_MAX),
    [SRH_LAST_LT] = NUMBER("--srh-last-entry-lt", UINT8_MAX),
    [SRH_TAG] = NUMBER("--srh-tag", UINT16_MAX),
    [SRH_PREVIOUS] = SEGMENT("--srh-psid"),
    [SRH_NEXT] = SEGMENT("--srh-nsid"),
    [SRH_FINAL] = SEGMENT("--srh-lsid"),
};

/* -eq, -gt and -lt of one field have one number: the last one given counts for all of them. */
static void share_number(struct guided *srh, const struct text option)
{
	for (unsigned first = SRH_LENGTH_EQ; first <= SRH_LAST_EQ; first += 3)
		for (unsigned i = first; i < first + 3; i++)
			if (text_is(option, guides[i].name))
				srh->values[first].number = srh->values[first + 1].number =
				    srh->values[first + 2].number = srh->values[i].number;
}

static int srh_parse(struct rule_parser *parser, struct match *match)
{
	int taken = guided_parse(parser, &match->data, sizeof(struct guided), guides, SRH_COUNT);

	struct guided *srh = match->data;

	if (taken != 1)
		return taken;
	share_number(srh, parser->option->text);
	/* ip6tables takes a mask that is no prefix for a full one here. */
	for (unsigned i = SRH_PREVIOUS; i < SRH_COUNT; i++)
		if (guided_seen(srh, i) && mask_length(FAMILY_IPV6, srh->values[i].mask) < 0)
			srh->values[i].mask = family_max(FAMILY_IPV6);
	return taken;
}

static int srh_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, SRH_COUNT, match->span,
			     "-m srh");
}

static void srh_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *srh = match->data;
	(void)rule;

	buffer_puts(out, "-m srh");
	for (unsigned i = 0; i < SRH_PREVIOUS; i++)
		guided_print(srh, guides, i, FAMILY_IPV6, out);
	for (unsigned i = SRH_PREVIOUS; i < SRH_COUNT; i++) {
		if (!guided_seen(srh, i))
			continue;
		buffer_printf(out, "%s %s ", guided_inverted(srh, i) ? " !" : "", guides[i].name);
		address_print(FAMILY_IPV6, srh->values[i].address, out);
		buffer_printf(out, "/%d", mask_length(FAMILY_IPV6, srh->values[i].mask));
	}
}

/* The segment at that place of the list; the list runs backwards, the last segment of the way is entry 0. */
static enum truth segment_evaluate(const struct guided *srh, unsigned index, const struct packet *packet,
				   uint32_t offset, unsigned entry)
{
	const struct guided_value *value = &srh->values[index];
	const uint8_t *bytes;

	switch (packet_read(packet, offset + 8 + entry * 16, 16, &bytes)) {
	case PART_FOUND:
		return guided_truth(
		    srh, index,
		    ((address_from_bytes(FAMILY_IPV6, bytes) ^ value->address) & value->mask) == 0);
	case PART_UNKNOWN:
		return TRUTH_UNKNOWN;
	default: /* the packet ends in its list: false, negated or not */
		return TRUTH_NO;
	}
}

static enum truth segments_evaluate(const struct guided *srh, const struct packet *packet, uint32_t offset,
				    unsigned left, unsigned last)
{
	enum truth truth = TRUTH_YES;

	if (guided_seen(srh, SRH_PREVIOUS)) {
		if (left == last)
			return TRUTH_NO;
		truth = truth_and(truth, segment_evaluate(srh, SRH_PREVIOUS, packet, offset, left + 1));
	}
	if (guided_seen(srh, SRH_NEXT)) {
		if (left == 0)
			return TRUTH_NO;
		truth = truth_and(truth, segment_evaluate(srh, SRH_NEXT, packet, offset, left - 1));
	}
	if (guided_seen(srh, SRH_FINAL))
		truth = truth_and(truth, segment_evaluate(srh, SRH_FINAL, packet, offset, 0));
	return truth;
}

static bool compare(const struct guided *srh, unsigned equal, unsigned value)
{
	uint64_t number = srh->values[equal].number;

	return (!guided_seen(srh, equal) || (value == number) != guided_inverted(srh, equal)) &&
	       (!guided_seen(srh, equal + 1) || (value > number) != guided_inverted(srh, equal + 1)) &&
	       (!guided_seen(srh, equal + 2) || (value < number) != guided_inverted(srh, equal + 2));
}

static enum truth srh_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *srh = match->data;
	const uint8_t *header;
	uint32_t offset;
	uint16_t tag;
	(void)rule;
	(void)evaluation;

	switch (packet_header(packet, IPPROTO_ROUTING, 8, &header, &offset)) {
	case PART_FOUND:
		break;
	case PART_UNKNOWN:
		return TRUTH_UNKNOWN;
	default: /* this one does not drop what is cut off */
		return TRUTH_NO;
	}
	unsigned left = header[3], last = header[4];
	if (offset + (header[1] + 1u) * 8 > packet->length || header[2] != 4 || left > last)
		return TRUTH_NO;
	if (guided_seen(srh, SRH_NEXT_HEADER) &&
	    (header[0] == srh->values[SRH_NEXT_HEADER].number) == guided_inverted(srh, SRH_NEXT_HEADER))
		return TRUTH_NO;
	memcpy(&tag, header + 6, 2); /* compared as it lies there: in this host's order, not the network's */
	if (guided_seen(srh, SRH_TAG) &&
	    (tag == srh->values[SRH_TAG].number) == guided_inverted(srh, SRH_TAG))
		return TRUTH_NO;
	if (!compare(srh, SRH_LENGTH_EQ, header[1]) || !compare(srh, SRH_LEFT_EQ, left) ||
	    !compare(srh, SRH_LAST_EQ, last))
		return TRUTH_NO;
	return segments_evaluate(srh, packet, offset, left, last);
}

const struct match_type match_srh = {
    .name = "srh",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = srh_parse,
    .finish = srh_finish,
    .print = srh_print,
    .evaluate = srh_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
