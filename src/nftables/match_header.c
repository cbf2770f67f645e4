/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Matches of what stands in the packet's headers.
 *
 * xt_tcp, xt_udp, icmp and multiport do not match later fragments. nftables would not either, but that
 * nft_payload_fast_eval() does not ask whether it has one before it, and takes what stands there for ports
 * (seen with Linux 6.18). So where fragments are not put together IPv4's rules ask for none
 * (nft_ask_whole()), and those of IPv6 are in chains of their own (print.c). */
#include "nftables/private.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_MAX 16
static const char *transport_name(const struct rule *rule)
{
	if (rule->protocol_inverted)
		return NULL;
	switch (rule->protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_UDPLITE:
		return "udplite";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_DCCP:
		return "dccp";
	default:
		return NULL;
	}
}

struct ports {
	unsigned low, high;
};

static int compare_ports(const void *a, const void *b)
{
	const struct ports *left = a, *right = b;

	return (left->low > right->low) - (left->low < right->low);
}

/* "80,443,1000:2000". The number of ranges, disjoint and ascending; 0: not a list. */
static size_t read_ports(const char *text, struct ports ports[PORTS_MAX])
{
	size_t count = 0, kept = 0;

	for (const char *at = text;;) {
		char *end;
		if (count == PORTS_MAX || *at < '0' || *at > '9')
			return 0;
		unsigned long low = strtoul(at, &end, 10), high = low;
		if (*end == ':')
			high = strtoul(end + 1, &end, 10);
		if (low > high || high > UINT16_MAX || (*end && *end != ','))
			return 0;
		ports[count++] = (struct ports){(unsigned)low, (unsigned)high};
		if (!*end)
			break;
		at = end + 1;
	}
	qsort(ports, count, sizeof(*ports), compare_ports);
	for (size_t i = 1; i < count; i++) {
		if (ports[i].low <= ports[kept].high + 1) {
			if (ports[i].high > ports[kept].high)
				ports[kept].high = ports[i].high;
		} else {
			ports[++kept] = ports[i];
		}
	}
	return kept + 1;
}

/* false: not ports. Of two inverted ones nft 1.0.6 makes one comparison of both, which is unequal where
 * either is: a range is compared by itself. */
static bool print_ports(struct nft *nft, const struct rule *rule, struct nft_rule *to, const char *header,
			const char *side, bool inverted, const char *text)
{
	struct ports ports[PORTS_MAX];
	size_t count = read_ports(text, ports);

	if (!count)
		return false;
	if (ports[0].low == 0 && ports[0].high == UINT16_MAX) {
		nft_part(nft, rule, to, inverted ? "%s %s 0 %s %s != 0" : "%s %s >= 0", header, side, header,
			 side);
		return true;
	}
	struct buffer *value = nft_part(nft, rule, to, "%s %s%s", header, side, inverted ? " !=" : "");
	if (!value)
		return true;
	if (count > 1)
		buffer_puts(value, "{ ");
	for (size_t i = 0; i < count; i++) {
		buffer_printf(value, "%s%u", i ? ", " : "", ports[i].low);
		if (ports[i].high != ports[i].low || (inverted && count == 1))
			buffer_printf(value, "-%u", ports[i].high);
	}
	if (count > 1)
		buffer_puts(value, " }");
	to->parts[to->part_count - 1].exact = !inverted && count == 1 && ports[0].low == ports[0].high;
	return true;
}

static unsigned flag_bits(const char *text)
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
	unsigned bits = 0;

	for (const char *at = text; *at;) {
		size_t size = strcspn(at, ",");
		for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (size == strlen(names[i]) && strncmp(at, names[i], size) == 0)
				bits |= 1u << i;
		at += size + (at[size] == ',');
	}
	return bits;
}

/* tcp, udp, and their kind. A match that asks nothing still asks for a header that is there. */
bool nft_match_ports(struct nft_asked *asked)
{
	const char *header = asked->match->type->name;
	const char *side = nft_word_is(asked->words, "--sport")   ? "sport"
			   : nft_word_is(asked->words, "--dport") ? "dport"
								  : NULL;

	if (side)
		return nft_word(asked->words) && print_ports(asked->nft, asked->rule, asked->to, header, side,
							     asked->inverted, asked->words->word.data);
	if (strcmp(header, "tcp") != 0)
		return false;
	/* Not --tcp-option: xt_tcp finds one that is cut off, or has no room for its length, and drops what
	 * is too short for its options, all of which have none for nft_exthdr_tcp_eval(). */
	if (!nft_word_is(asked->words, "--tcp-flags") || !nft_word(asked->words))
		return false;
	unsigned mask = flag_bits(asked->words->word.data);
	if (!nft_word(asked->words))
		return false;
	unsigned flags = flag_bits(asked->words->word.data);
	struct buffer *value = nft_ask(asked, "tcp flags & 0x%x %s", mask, asked->inverted ? "!=" : "==");
	if (value)
		buffer_printf(value, "0x%x", flags);
	return true;
}

/* Of --ports a packet may have either: a rule for the source, and one for the destination where the source is
 * another. */
bool nft_match_multiport(struct nft_asked *asked)
{
	const char *header = transport_name(asked->rule);
	const char *side = nft_word_is(asked->words, "--sports")   ? "sport"
			   : nft_word_is(asked->words, "--dports") ? "dport"
								   : NULL;
	bool second = asked->nft->variant;

	asked->to->transport = true;
	if (!header || (!side && !nft_word_is(asked->words, "--ports")) || !nft_word(asked->words))
		return false;
	const char *ports = asked->words->word.data;
	if (side)
		return print_ports(asked->nft, asked->rule, asked->to, header, side, asked->inverted, ports);
	if (asked->inverted)
		return print_ports(asked->nft, asked->rule, asked->to, header, "sport", true, ports) &&
		       print_ports(asked->nft, asked->rule, asked->to, header, "dport", true, ports);
	return nft_variants(asked, 2) &&
	       print_ports(asked->nft, asked->rule, asked->to, header, "sport", second, ports) &&
	       (!second || print_ports(asked->nft, asked->rule, asked->to, header, "dport", false, ports));
}

bool nft_match_icmp(struct nft_asked *asked)
{
	bool six = strcmp(asked->match->type->name, "icmp6") == 0;
	const char *header = six ? "icmpv6" : "icmp";
	unsigned type, code;

	asked->to->transport = true;
	char rest;

	if (!nft_word_is(asked->words, six ? "--icmpv6-type" : "--icmp-type") || !nft_word(asked->words))
		return false;
	if (!six && nft_word_is(asked->words, "any")) {
		if (!asked->inverted)
			nft_ask(asked, "icmp type >= 0");
		return !asked->inverted;
	}
	int count = sscanf(asked->words->word.data, "%u/%u%c", &type, &code, &rest);
	char *end;
	strtoul(asked->words->word.data, &end, 10);
	if (type > UINT8_MAX || (count == 1 && *end) || count < 1 || count > 2 ||
	    (count == 2 && code > UINT8_MAX))
		return false;
	struct buffer *value;
	if (count == 1) {
		value = nft_ask(asked, "%s type%s", header, nft_not(asked));
		if (value) {
			buffer_printf(value, "%u", type);
			asked->to->parts[asked->to->part_count - 1].exact = !asked->inverted;
		}
	} else {
		value = nft_ask(asked, "%s type . %s code%s", header, header, nft_not(asked));
		if (value)
			buffer_printf(value, "{ %u . %u }", type, code);
	}
	return true;
}

/* "A", "A:B" */
static bool read_range(const char *text, uint64_t max, uint64_t *low, uint64_t *high)
{
	const char *end;

	if (!nft_number(text, max, low, &end))
		return false;
	*high = *low;
	return *end == ':' ? nft_number(end + 1, max, high, NULL) && *low <= *high : !*end;
}

static void print_range(uint64_t low, uint64_t high, struct buffer *value)
{
	if (!value)
		return;
	buffer_printf(value, "%" PRIu64, low);
	if (high != low)
		buffer_printf(value, "-%" PRIu64, high);
}

#define IPV6_HEADER 40

/* The length of the packet; of IPv6 its header says that of what is behind it. */
bool nft_match_length(struct nft_asked *asked)
{
	bool six = asked->rule->chain->table->family == FAMILY_IPV6;
	uint64_t low, high, header = six ? IPV6_HEADER : 0;

	if (!nft_word_is(asked->words, "--length") || !nft_word(asked->words) ||
	    !read_range(asked->words->word.data, UINT16_MAX, &low, &high))
		return false;
	if (low == 0 && high == UINT16_MAX && !asked->inverted)
		return true;
	if (low < header || (low == header && high == UINT16_MAX))
		return false; /* the kernel's sum of both overflows, and is small for the longest */
	print_range(
	    low - header, high - header,
	    nft_ask(asked, "%s length%s", nft_header(six ? FAMILY_IPV6 : FAMILY_IPV4), nft_not(asked)));
	return true;
}

bool nft_match_ttl(struct nft_asked *asked)
{
	const char *key = strcmp(asked->match->type->name, "hl") == 0 ? "ip6 hoplimit" : "ip ttl";
	const char *name = asked->words->word.data;
	uint64_t number;

	if (strncmp(name, "--ttl-", 6) != 0 && strncmp(name, "--hl-", 5) != 0)
		return false;
	const char *sign = strcmp(strrchr(name, '-'), "-eq") == 0   ? nft_not(asked)
			   : strcmp(strrchr(name, '-'), "-lt") == 0 ? " <"
			   : strcmp(strrchr(name, '-'), "-gt") == 0 ? " >"
								    : NULL;
	if (!sign || !nft_word(asked->words) ||
	    !nft_number(asked->words->word.data, UINT8_MAX, &number, NULL) ||
	    (strcmp(sign, " <") == 0 && number == 0) || (strcmp(sign, " >") == 0 && number == UINT8_MAX))
		return false;
	print_range(number, number, nft_ask(asked, "%s%s", key, sign));
	if (!*sign)
		nft_exact(asked);
	return true;
}

bool nft_match_dscp(struct nft_asked *asked)
{
	uint64_t number;

	if (!nft_word_is(asked->words, "--dscp") || !nft_word(asked->words) ||
	    !nft_number(asked->words->word.data, 63, &number, NULL))
		return false;
	struct buffer *value =
	    nft_ask(asked, "%s dscp%s", nft_header(asked->rule->chain->table->family), nft_not(asked));
	if (value)
		buffer_printf(value, "0x%02x", (unsigned)number);
	if (!asked->inverted)
		nft_exact(asked);
	return true;
}

/* Of the octet some bits: nft(8) lists all of it, or one of its two fields, as if it had been asked for DSCP
 * and ECN. IPv6 has it from the fifth bit on. */
bool nft_match_tos(struct nft_asked *asked)
{
	bool six = asked->rule->chain->table->family == FAMILY_IPV6;
	uint64_t number, mask;
	const char *end;

	if (!nft_word_is(asked->words, "--tos") || !nft_word(asked->words) ||
	    !nft_number(asked->words->word.data, UINT8_MAX, &number, &end) || *end != '/' ||
	    !nft_number(end + 1, UINT8_MAX, &mask, NULL) || !mask || (mask & 0xfc) == 0xfc || mask == 3)
		return false;
	struct buffer *value = nft_ask(asked, "@nh,%s & 0x%x %s", six ? "0,16" : "8,8",
				       (unsigned)mask << (six ? 4 : 0), asked->inverted ? "!=" : "==");
	if (value)
		buffer_printf(value, "0x%x", (unsigned)number << (six ? 4 : 0));
	return true;
}

/* Without the option nftables' does not match, and xt_tcpmss matches when inverted. What a later fragment has
 * xt_tcpmss takes for a header. */
bool nft_match_tcpmss(struct nft_asked *asked)
{
	uint64_t low, high;

	if (!asked->nft->joined && !asked->to->transport && asked->rule->fragment != FRAGMENT_NOT_LATER)
		return false;
	asked->to->transport = true;
	if (asked->inverted || !nft_word_is(asked->words, "--mss") || !nft_word(asked->words) ||
	    !read_range(asked->words->word.data, UINT16_MAX, &low, &high))
		return false;
	print_range(low, high, nft_ask(asked, "tcp option maxseg size"));
	return true;
}
