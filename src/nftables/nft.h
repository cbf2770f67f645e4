/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A ruleset as nft(8) takes it: for each family one table, "weir", which replaces the one that is there when
 * the text is loaded. Only what nftables does exactly as iptables is translated.
 *
 * What differs: a header that is cut off, or headers that make no sense, for which some matches of iptables
 * drop the packet at once, whatever the rule says, and nftables' do not match; and IPv6 with an
 * authentication header, behind which ip6tables looks (ip6_packet_match()), and nftables does not
 * (nft_set_pktinfo_ipv6(), IP6_FH_F_AUTH). A set of addresses that rules fill takes 0.0.0.0 and ::, too,
 * which ipset does not. */
#ifndef WEIR_NFTABLES_NFT_H
#define WEIR_NFTABLES_NFT_H

#include "base/diagnostic.h"
#include "ruleset/ruleset.h"

/* 0; -EINVAL with a diagnostic for each rule and set that nftables has no exact words for, -ENOMEM. A warning
 * where one of the last two differences above is. *out is what it was unless 0 is returned. Without a rule, a
 * set or a policy there is a table all the same. */
int nft_print(const struct ruleset *ruleset, struct buffer *out, struct diagnostics *sink);

/* Whose counters stand in the chains of the text, one after the other: a rule may have several, of which a
 * packet is counted by one. */
struct nft_counted {
	const struct rule **rules; /* to be freed */
	size_t count, capacity;
};

struct nft_options {
	bool counters; /* each rule counts, from what it has counted on; else only those of a family that has
			*/
	struct nft_counted *counted; /* with `counters`: out, see above; may be NULL */
};
int nft_print_with(const struct ruleset *ruleset, const struct nft_options *options, struct buffer *out,
		   struct diagnostics *sink);

#endif
