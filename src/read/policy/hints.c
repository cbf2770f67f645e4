/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What may have been meant by words that are none here: those of nft, iptables and pf, and what is written
 * together that stands apart. */
#include "read/policy/parse.h"

#include <string.h>

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "192.0.2.10:443" */
static const char *address_with_port(struct policy_reader *reader, struct text word, bool in_set)
{
	const char *colon = memchr(word.data, ':', word.size);
	struct address_range range;
	enum family family;
	bool masked;

	if (!colon || colon == word.data)
		return NULL;
	struct text host = {word.data, (size_t)(colon - word.data)};
	struct text port = {colon + 1, word.size - host.size - 1};
	for (size_t i = 0; i < port.size; i++)
		if (!is_digit(port.data[i]))
			return NULL;
	if (!port.size || value_addresses(host, &family, &range, &masked))
		return NULL;
	return in_set ? arena_printf(reader->arena, "in a set : address . port it is: %.*s . tcp %.*s",
				     (int)host.size, host.data, (int)port.size, port.data)
		      : arena_printf(reader->arena, "the port stands apart: %.*s port %.*s", (int)host.size,
				     host.data, (int)port.size, port.data);
}

const char *policy_hint_address(struct policy_reader *reader, struct text word, bool in_set)
{
	const char *with_port = address_with_port(reader, word, in_set);
	bool name = word.size && is_letter(word.data[0]), dots = false;

	if (with_port)
		return with_port;
	for (size_t i = 0; i < word.size; i++) {
		name &= is_letter(word.data[i]) || is_digit(word.data[i]) || strchr("-_.", word.data[i]);
		dots |= word.data[i] == '.';
	}
	if (name && dots)
		return "names are not looked up: give the addresses";
	if (name && word.size <= POLICY_NAME_MAX)
		return arena_printf(reader->arena, "a set is named with @: @%.*s", (int)word.size, word.data);
	return NULL;
}

const char *policy_hint_word(struct policy_reader *reader, struct text word)
{
	static const struct {
		const char *word, *hint;
	} words[] = {
	    {"tcp", "protocols stand in front: allow tcp 22 from @admins"},
	    {"udp", "protocols stand in front: allow udp 53 from @admins"},
	    {"icmp", "protocols stand in front: allow icmp from @admins"},
	    {"proto", "the protocol alone: allow tcp port 22"},
	    {"log",
	     "there is no log: weir counts what each statement does; rules \"file\" takes LOG and NFLOG"},
	    {"type", "the type stands behind the protocol: icmp echo-request"},
	    {"echo", "ping is the echo request of both families"},
	    {"dport", "port is the destination's"},
	    {"sport", "source port"},
	    {"saddr", "from"},
	    {"daddr", "to"},
	    {"iif", "on stands before an interface, or its group"},
	    {"iifname", "on stands before an interface, or its group"},
	    {"oifname", "on stands before an interface, or its group"},
	    {"via", "on stands before an interface, or its group"},
	    {"state", "what answers is let in by default: of statements the first one that matches decides"},
	    {"keep", "what answers is let in by default: of statements the first one that matches decides"},
	    {"quick", "of statements the first one that matches decides"},
	    {"policy", "default drop"},
	    {"deny", "default drop"},
	    {"allow", "default accept"},
	    {"=", "there is no = here: set NAME { ... }"},
	    {"address.port", "with blanks: address . port"},
	    {"net.port", "with blanks: net . port"},
	};
	uint32_t rate, second;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (text_is(word, words[i].word))
			return words[i].hint;
	if (word.size && word.data[0] == '@')
		return arena_printf(reader->arena, "from %.*s, or to %.*s", (int)word.size, word.data,
				    (int)word.size, word.data);
	if (word.size && word.data[0] == '!')
		return "there is no \"not\": leave addresses out of a set with except, or let a statement "
		       "that "
		       "stands before decide of them";
	if (!value_rate(word, &rate, &second))
		return arena_printf(reader->arena, "at %.*s", (int)word.size, word.data);
	if (text_starts(word, "nf_conntrack_"))
		return "without nf_conntrack_: max, buckets, tcp-be-liberal, tcp-loose, timeout udp 30s";
	return NULL;
}
