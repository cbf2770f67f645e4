/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Matches of what the host knows of a packet besides its headers: addresses of its own, marks, sockets,
 * links. */
#include "nftables/private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KINDS 9

bool nft_match_iprange(struct nft_asked *asked)
{
	const char *side = nft_word_is(asked->words, "--src-range")   ? "saddr"
			   : nft_word_is(asked->words, "--dst-range") ? "daddr"
								      : NULL;
	enum family family = asked->rule->chain->table->family;
	address low, high;

	if (!side || !nft_word(asked->words))
		return false;
	const char *text = asked->words->word.data, *dash = strchr(text, '-');
	if (!dash || address_parse(family, (struct text){text, (size_t)(dash - text)}, &low) ||
	    address_parse(family, text_of(dash + 1), &high) || low > high)
		return false;
	struct buffer *value = nft_ask(asked, "%s %s%s", nft_header(family), side, nft_not(asked));
	if (!value)
		return true;
	address_print(family, low, value);
	if (low != high) {
		buffer_puts(value, "-");
		address_print(family, high, value);
	}
	asked->to->parts[asked->to->part_count - 1].exact = !asked->inverted && low == high;
	return true;
}

/* "KEY value", or "KEY & mask == value", from "value/mask" in C's notations. */
static bool ask_masked(struct nft_asked *asked, const char *key, uint64_t max)
{
	uint64_t number, mask = max;
	const char *end;

	if (!nft_number(asked->words->word.data, max, &number, &end) ||
	    (*end == '/' ? !nft_number(end + 1, max, &mask, NULL) : *end))
		return false;
	struct buffer *value =
	    mask == max ? nft_ask(asked, "%s%s", key, nft_not(asked))
			: nft_ask(asked, "%s & 0x%" PRIx64 " %s", key, mask, asked->inverted ? "!=" : "==");
	if (value)
		buffer_printf(value, "0x%" PRIx64, number);
	if (mask == max && !asked->inverted)
		nft_exact(asked);
	return true;
}

bool nft_match_mark(struct nft_asked *asked)
{
	return nft_word_is(asked->words, "--mark") && nft_word(asked->words) &&
	       ask_masked(asked, "meta mark", UINT32_MAX);
}

/* A packet without a connection is matched by neither, inverted or not. */
bool nft_match_connmark(struct nft_asked *asked)
{
	return nft_word_is(asked->words, "--mark") && nft_word(asked->words) &&
	       ask_masked(asked, "ct mark", UINT32_MAX);
}

bool nft_match_devgroup(struct nft_asked *asked)
{
	const char *key = nft_word_is(asked->words, "--src-group")   ? "meta iifgroup"
			  : nft_word_is(asked->words, "--dst-group") ? "meta oifgroup"
								     : NULL;

	return key && nft_word(asked->words) && ask_masked(asked, key, UINT32_MAX);
}

bool nft_match_cpu(struct nft_asked *asked)
{
	return nft_word_is(asked->words, "--cpu") && nft_word(asked->words) &&
	       ask_masked(asked, "meta cpu", UINT32_MAX);
}

bool nft_match_mac(struct nft_asked *asked)
{
	if (!nft_word_is(asked->words, "--mac-source") || !nft_word(asked->words))
		return false;
	struct buffer *value = nft_ask(asked, "ether saddr%s", nft_not(asked));
	if (value) {
		buffer_add(value, asked->words->word.data, asked->words->word.size);
		asked->to->parts[asked->to->part_count - 1].exact = !asked->inverted;
	}
	return true;
}

bool nft_match_pkttype(struct nft_asked *asked)
{
	if (!nft_word_is(asked->words, "--pkt-type") || !nft_word(asked->words) ||
	    (!nft_word_is(asked->words, "unicast") && !nft_word_is(asked->words, "broadcast") &&
	     !nft_word_is(asked->words, "multicast")))
		return false;
	struct buffer *value = nft_ask(asked, "meta pkttype%s", nft_not(asked));
	if (value)
		buffer_add(value, asked->words->word.data, asked->words->word.size);
	return true;
}

/* IPv4: inet_dev_addr_type() answers both. IPv6: whether the address is the host's own is the same question
 * as long as the rules of the routing ask the table "local" first; the other kinds xt_addrtype tells in ways
 * of its own. */
bool nft_match_addrtype(struct nft_asked *asked)
{
	static const char *const kinds[KINDS] = {"UNSPEC",    "UNICAST",     "LOCAL",
						 "BROADCAST", "ANYCAST",     "MULTICAST",
						 "BLACKHOLE", "UNREACHABLE", "PROHIBIT"};
	static const char *const names[KINDS] = {"unspec",    "unicast",     "local",
						 "broadcast", "anycast",     "multicast",
						 "blackhole", "unreachable", "prohibit"};
	bool six = asked->rule->chain->table->family == FAMILY_IPV6, any = false;
	const char *limit = strstr(asked->words->text.data, " --limit-iface-in")    ? " . iif"
			    : strstr(asked->words->text.data, " --limit-iface-out") ? " . oif"
										    : "";

	if (nft_word_is(asked->words, "--limit-iface-in") || nft_word_is(asked->words, "--limit-iface-out"))
		return true;
	const char *side = nft_word_is(asked->words, "--src-type")   ? "saddr"
			   : nft_word_is(asked->words, "--dst-type") ? "daddr"
								     : NULL;
	if (!side || !nft_word(asked->words) || (six && (*limit || !nft_word_is(asked->words, "LOCAL"))))
		return false;
	struct buffer *value = nft_ask(asked, "fib %s%s type%s", side, limit, nft_not(asked));
	if (!value)
		return true;
	buffer_puts(value, "{ ");
	for (const char *at = asked->words->word.data; *at;) {
		size_t size = strcspn(at, ","), i = 0;
		while (i < KINDS && (size != strlen(kinds[i]) || strncmp(at, kinds[i], size) != 0))
			i++;
		if (i == KINDS)
			return false;
		buffer_printf(value, "%s%s", any ? ", " : "", names[i]);
		any = true;
		at += size + (at[size] == ',');
	}
	buffer_puts(value, " }");
	return any;
}

/* A packet without a socket is matched by neither, so long as nothing is inverted. */
bool nft_match_owner(struct nft_asked *asked)
{
	const char *key = nft_word_is(asked->words, "--uid-owner")   ? "meta skuid"
			  : nft_word_is(asked->words, "--gid-owner") ? "meta skgid"
								     : NULL;

	if (!key || asked->inverted || !nft_word(asked->words) ||
	    asked->words->word.size != strspn(asked->words->word.data, "0123456789-"))
		return false;
	struct buffer *value = nft_ask(asked, "%s", key);
	if (value)
		buffer_add(value, asked->words->word.data, asked->words->word.size);
	return true;
}
