/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the matches on bytes of the packet share: a header found or not as a truth, ranges of numbers in it,
 * and bytes that are no longer what was captured. Nobody above this folder includes it. */
#ifndef WEIR_EXTENSION_HEADER_H
#define WEIR_EXTENSION_HEADER_H

#include "extension/guided.h"
#include "extension/unseen.h"

static inline uint32_t header_16(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

static inline uint32_t header_32(const uint8_t *bytes)
{
	return header_16(bytes) << 16 | header_16(bytes + 2);
}

/* YES: it was found. NO: there is none, or the packet ends before it, which drops it at once. */
enum truth header_truth(enum packet_part part, struct evaluation *evaluation);
/* The header behind the IP header or headers, of matches that are false for later fragments (par->fragoff)
 * and that iptables takes with -p PROTOCOL alone. Outputs as packet_header(), set when YES only. */
enum truth header_transport(const struct packet *packet, uint8_t protocol, uint32_t size,
			    struct evaluation *evaluation, const uint8_t **header, uint32_t *offset);
/* Whether the packet holds `length` bytes from `offset` on, as an extension header of IPv6 says of itself. NO
 * drops the packet at once, as ah, rt, hbh and dst do in kernels from the summer of 2026 on (6.18.40 or so);
 * before, the match was merely false. */
enum truth header_fits(const struct packet *packet, uint32_t offset, uint32_t length,
		       struct evaluation *evaluation);
/* match_type.effects of matches that drop a packet at once for headers which XDP does not look at: such a
 * packet is counted on no rule behind them, though those may drop it all the same. EFFECT_COUNTER. */
unsigned header_effects(const struct match *match);
/* Whether `value` is in the range that the option gives, negated or not; YES without the option. A range that
 * runs downwards holds nothing. */
enum truth header_in_range(const struct guided *guided, unsigned index, uint64_t value);
/* As guided_print(), but nothing for the whole range, negated or not: so print ah, esp, frag and rt. */
void header_print_range(const struct guided *guided, const struct guide *guides, unsigned index,
			struct buffer *out);

/* As match_type.mean of types with `unseen`, for a match with such a range: negated, the whole range holds
 * nothing, but is printed as if it were not there, and would share the predicate of a match without it. */
diagram_node header_mean_range(const struct match *match, const struct rule *rule,
			       const struct fields *fields, const struct guide *guides, unsigned index);

/* Parts of packet->bytes that are no longer what was captured: a target, routing or NAT changed the fields,
 * and checksums with them. */
struct header_changes {
	unsigned count;
	struct {
		uint32_t first, end;
	} parts[8];
};
void header_changes(const struct packet *packet, struct header_changes *changes);
bool header_is_changed(const struct header_changes *changes, uint32_t first, uint32_t end);
/* packet_read(), but PART_UNKNOWN for what was changed. */
enum packet_part header_read(const struct packet *packet, const struct header_changes *changes,
			     uint32_t offset, uint32_t size, const uint8_t **bytes);

#endif
