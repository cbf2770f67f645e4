/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where a rule of iptables and its twin of nftables are not the same to the letter, and no other words are to
 * be had: known and said, whichever of the two was written first. */
#ifndef WEIR_EXTENSION_TRANSLATION_H
#define WEIR_EXTENSION_TRANSLATION_H

#include "ruleset/ruleset.h"

enum translation_gap {
	/* IPv6: ip6_packet_match() goes on to the protocol behind an authentication header (RFC 4302),
	 * nft_set_pktinfo_ipv6() takes that for the protocol. */
	GAP_AUTHENTICATION,
	/* hash_ip4_kadt() adds no 0.0.0.0, nor its twin ::, which a set of nftables takes. */
	GAP_ZERO_ADDRESS,
	/* Where there is no place for another address xt_hashlimit drops the packet; nftables' rule does not
	 * match. */
	GAP_FULL_TABLE,
	/* TEE looks its interface up by name each time, dup has the number that it had when it was loaded. */
	GAP_INTERFACE_NAME,
	TRANSLATION_GAPS
};

/* Each rule that has such a gap, once for each, family by family, table by table. */
typedef void (*translation_visit)(void *context, enum translation_gap gap, const struct rule *rule);
void translation_gaps(const struct ruleset *ruleset, translation_visit visit, void *context);
/* "nft-zero-address": the code of messages about it. */
extern const char *const translation_codes[TRANSLATION_GAPS];

#endif
