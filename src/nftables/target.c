/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Targets in nftables' words, read from what iptables-save would print, but for NAT, of which the type tells
 * what it asks. */
#include "nftables/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* nft(8) takes the connection's for the packet's, of which only TCP can be reset. */
static bool asks_for_another(const struct nft_rule *rule, const char *protocol)
{
	for (size_t i = 0; i < rule->part_count; i++)
		if (rule->parts[i].key.data && strcmp(rule->parts[i].key.data, "ct protocol") == 0 &&
		    strcmp(rule->parts[i].value.data, protocol) != 0)
			return true;
	return false;
}

static bool target_reject(struct nft_words *words, struct nft_rule *to)
{
	static const char *const answers[][2] = {{"icmp-net-unreachable", "icmp net-unreachable"},
						 {"icmp-host-unreachable", "icmp host-unreachable"},
						 {"icmp-proto-unreachable", "icmp prot-unreachable"},
						 {"icmp-port-unreachable", "icmp port-unreachable"},
						 {"icmp-net-prohibited", "icmp net-prohibited"},
						 {"icmp-host-prohibited", "icmp host-prohibited"},
						 {"icmp-admin-prohibited", "icmp admin-prohibited"},
						 {"icmp6-no-route", "icmpv6 no-route"},
						 {"icmp6-adm-prohibited", "icmpv6 admin-prohibited"},
						 {"icmp6-addr-unreachable", "icmpv6 addr-unreachable"},
						 {"icmp6-port-unreachable", "icmpv6 port-unreachable"},
						 {"icmp6-policy-fail", "icmpv6 policy-fail"},
						 {"icmp6-reject-route", "icmpv6 reject-route"},
						 {"tcp-reset", "tcp reset"}};

	if (!nft_word(words) || !nft_word_is(words, "--reject-with") || !nft_word(words) ||
	    (nft_word_is(words, "tcp-reset") && asks_for_another(to, "tcp")))
		return false;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		if (nft_word_is(words, answers[i][0])) {
			buffer_printf(&to->verdict, "reject with %s", answers[i][1]);
			return true;
		}
	return false;
}

/* nft(8) has no way to write a quotation mark, and takes $ for a variable. */
static bool log_prefix(const struct nft_words *words, struct buffer *out)
{
	for (size_t i = 0; i < words->word.size; i++) {
		unsigned char c = (unsigned char)words->word.data[i];
		if (c < ' ' || c >= 127 || strchr("\"$\\", c))
			return false;
	}
	buffer_printf(out, " prefix \"%s\"", words->word.data);
	return true;
}

static bool target_log(struct nft_words *words, struct nft_rule *to)
{
	static const char *const levels[] = {"emerg", "alert",  "crit", "err",
					     "warn",  "notice", "info", "debug"};
	static const char *const flags[][2] = {{"--log-tcp-sequence", " flags tcp sequence"},
					       {"--log-tcp-options", " flags tcp options"},
					       {"--log-ip-options", " flags ip options"},
					       {"--log-uid", " flags skuid"},
					       {"--log-macdecode", " flags ether"}};

	buffer_puts(&to->action, "log");
	while (nft_word(words)) {
		size_t i = 0;
		if (nft_word_is(words, "--log-prefix")) {
			if (!nft_word(words) || !log_prefix(words, &to->action))
				return false;
			continue;
		}
		if (nft_word_is(words, "--log-level")) {
			if (!nft_word(words) || words->word.size != 1 || words->word.data[0] < '0' ||
			    words->word.data[0] > '7')
				return false;
			buffer_printf(&to->action, " level %s", levels[words->word.data[0] - '0']);
			continue;
		}
		while (i < 5 && !nft_word_is(words, flags[i][0]))
			i++;
		if (i == 5)
			return false;
		buffer_puts(&to->action, flags[i][1]);
	}
	return true;
}

/* Both leave alone what has a connection already, or is untracked. */
static bool target_notrack(struct nft_words *words, struct nft_rule *to)
{
	if (!nft_word(words) || !nft_word_is(words, "--notrack") || nft_word(words))
		return false;
	buffer_puts(&to->action, "notrack");
	return true;
}

static bool target_mark(struct nft_words *words, struct nft_rule *to)
{
	unsigned long mark, mask = UINT32_MAX;
	char *end;

	if (!nft_word(words) || !nft_word_is(words, "--set-xmark") || !nft_word(words))
		return false;
	mark = strtoul(words->word.data, &end, 0);
	if (*end == '/')
		mask = strtoul(end + 1, &end, 0);
	if (*end || end == words->word.data || mark > UINT32_MAX || mask > UINT32_MAX || nft_word(words))
		return false;
	if (mask == UINT32_MAX)
		buffer_printf(&to->action, "meta mark set 0x%lx", mark);
	else
		buffer_printf(&to->action, "meta mark set (meta mark & 0x%lx) ^ 0x%lx", ~mask & UINT32_MAX,
			      mark);
	return true;
}

/* " VALUE/MASK" of the words at hand, or VALUE alone. */
static bool read_masked(const struct nft_words *words, uint64_t *value, uint64_t *mask)
{
	const char *end;

	*mask = UINT32_MAX;
	return nft_number(words->word.data, UINT32_MAX, value, &end) &&
	       (*end == '/' ? nft_number(end + 1, UINT32_MAX, mask, NULL) : !*end);
}

/* Marks are copied whole, but for what is masked out of the one that is read: nft(8) cannot mix two of them.
 * A packet without a connection goes on unchanged. In raw there may be a template in the connection's place,
 * which xt_connmark marks. */
static bool target_connmark(struct nft_words *words, struct nft_rule *to)
{
	uint64_t value, mask, packet, connection;

	if (words->rule->chain->table->id == TABLE_RAW || !nft_word(words))
		return false;
	if (nft_word_is(words, "--set-xmark")) {
		if (!nft_word(words) || !read_masked(words, &value, &mask) || nft_word(words))
			return false;
		if (mask == UINT32_MAX)
			buffer_printf(&to->action, "ct mark set 0x%" PRIx64, value);
		else
			buffer_printf(&to->action, "ct mark set (ct mark & 0x%" PRIx64 ") ^ 0x%" PRIx64,
				      ~mask & UINT32_MAX, value);
		return true;
	}
	bool save = nft_word_is(words, "--save-mark");
	if ((!save && !nft_word_is(words, "--restore-mark")) || !nft_word(words) ||
	    !nft_word_is(words, "--nfmask") || !nft_word(words) || !read_masked(words, &packet, &mask) ||
	    !nft_word(words) || !nft_word_is(words, "--ctmask") || !nft_word(words) ||
	    !read_masked(words, &connection, &mask) || nft_word(words) ||
	    (save ? connection : packet) != UINT32_MAX)
		return false;
	mask = save ? packet : connection;
	buffer_puts(&to->action, save ? "ct mark set meta mark" : "meta mark set ct mark");
	if (mask != UINT32_MAX)
		buffer_printf(&to->action, " & 0x%" PRIx64, mask);
	return true;
}

/* --nflog-range was never heeded: it is not said in other words. */
static bool target_nflog(struct nft_words *words, struct nft_rule *to)
{
	static const struct {
		const char *option, *name;
		uint32_t max;
	} numbers[] = {{"--nflog-group", "group", UINT16_MAX},
		       {"--nflog-size", "snaplen", UINT32_MAX},
		       {"--nflog-threshold", "queue-threshold", UINT16_MAX}};
	struct buffer *out = &to->action;
	bool group = false;
	uint64_t number;

	buffer_puts(out, "log");
	while (nft_word(words)) {
		size_t i = 0;
		if (nft_word_is(words, "--nflog-prefix")) {
			if (!nft_word(words) || !log_prefix(words, out))
				return false;
			continue;
		}
		while (i < 3 && !nft_word_is(words, numbers[i].option))
			i++;
		if (i == 3 || !nft_word(words) ||
		    !nft_number(words->word.data, numbers[i].max, &number, NULL) || (i && !number))
			return false;
		if (i && !group)
			buffer_puts(out, " group 0");
		buffer_printf(out, " %s %" PRIu64, numbers[i].name, number);
		group = true;
	}
	if (!group)
		buffer_puts(out, " group 0");
	return true;
}

static bool target_nfqueue(struct nft_words *words, struct nft_rule *to)
{
	static const char *const flags[][2] = {{"--queue-bypass", "bypass"},
					       {"--queue-cpu-fanout", "fanout"}};
	const char *separator = " ", *end;
	uint64_t low, high;

	if (!nft_word(words) ||
	    (!nft_word_is(words, "--queue-num") && !nft_word_is(words, "--queue-balance")) ||
	    !nft_word(words) || !nft_number(words->word.data, UINT16_MAX, &low, &end))
		return false;
	high = low;
	if (*end == ':' ? !nft_number(end + 1, UINT16_MAX, &high, NULL) || low > high : *end)
		return false;
	buffer_printf(&to->verdict, "queue num %" PRIu64, low);
	if (high != low)
		buffer_printf(&to->verdict, "-%" PRIu64, high);
	while (nft_word(words)) {
		size_t i = nft_word_is(words, flags[0][0]) ? 0 : 1;
		if (!nft_word_is(words, flags[i][0]))
			return false;
		buffer_printf(&to->verdict, "%s%s", separator, flags[i][1]);
		separator = ",";
	}
	return true;
}

static bool target_classify(struct nft_words *words, struct nft_rule *to)
{
	unsigned major, minor;
	char rest;

	if (!nft_word(words) || !nft_word_is(words, "--set-class") || !nft_word(words) ||
	    sscanf(words->word.data, "%4x:%4x%c", &major, &minor, &rest) != 2 || nft_word(words))
		return false;
	buffer_printf(&to->action, "meta priority set 0x%04x%04x", major, minor);
	return true;
}

static bool target_hop_limit(struct nft_words *words, struct nft_rule *to)
{
	bool six = words->rule->chain->table->family == FAMILY_IPV6;
	uint64_t number;

	if (!nft_word(words) || (!nft_word_is(words, "--ttl-set") && !nft_word_is(words, "--hl-set")) ||
	    !nft_word(words) || !nft_number(words->word.data, UINT8_MAX, &number, NULL) || nft_word(words))
		return false;
	buffer_printf(&to->action, "%s set %" PRIu64, six ? "ip6 hoplimit" : "ip ttl", number);
	return true;
}

/* All of the code point; TOS may ask for other bits, which nft(8) cannot set. */
static bool target_dscp(struct nft_words *words, struct nft_rule *to)
{
	const char *header = nft_header(words->rule->chain->table->family);
	uint64_t number, mask;

	if (!nft_word(words))
		return false;
	if (nft_word_is(words, "--set-dscp")) {
		if (!nft_word(words) || !nft_number(words->word.data, 63, &number, NULL))
			return false;
	} else {
		if (!nft_word_is(words, "--set-tos") || !nft_word(words) ||
		    !read_masked(words, &number, &mask) || mask != 0xfc || (number & 3))
			return false;
		number >>= 2;
	}
	buffer_printf(&to->action, "%s dscp set 0x%02x", header, (unsigned)number);
	return !nft_word(words);
}

/* Both call nf_dup_ipv4(). TEE looks its interface up by name each time, dup has the number that it had when
 * it was loaded. */
static bool target_tee_words(struct nft_words *words, struct nft_rule *to)
{
	if (!nft_word(words) || !nft_word_is(words, "--gateway") || !nft_word(words))
		return false;
	buffer_printf(&to->action, "dup to %s", words->word.data);
	if (!nft_word(words))
		return true;
	if (!nft_word_is(words, "--oif") || !nft_word(words) || !nft_interface_good(words->word.data))
		return false;
	buffer_printf(&to->action, " device \"%s\"", words->word.data);
	return !nft_word(words);
}

/* xt_SYNPROXY takes what has SYN or ACK of FIN, SYN, RST and ACK, and that alone (synproxy_tg4());
 * nft_synproxy all that has SYN, and of the rest all that has ACK: it is asked no more than what the other
 * takes. That stands behind the counter, which counts all that the rule is about. What the other drops
 * besides, segments with a wrong checksum or with options that make no sense, goes on here: no TCP takes
 * them. nft(8) has no word for --ecn, and the kernel no scale above 14 (TCP_MAX_WSCALE). */
static bool target_synproxy(struct nft_words *words, struct nft_rule *to)
{
	struct buffer *out = &to->action;
	uint64_t number;

	to->transport = true;
	buffer_puts(out, "tcp flags & 0x17 == { 0x2, 0x10 } synproxy");
	while (nft_word(words)) {
		bool scale = nft_word_is(words, "--wscale"), size = nft_word_is(words, "--mss");
		if (nft_word_is(words, "--sack-perm")) {
			buffer_puts(out, " sack-perm");
		} else if (nft_word_is(words, "--timestamp")) {
			buffer_puts(out, " timestamp");
		} else {
			if ((!scale && !size) || !nft_word(words) ||
			    !nft_number(words->word.data, scale ? 14 : UINT16_MAX, &number, NULL))
				return false;
			buffer_printf(out, " %s %" PRIu64, scale ? "wscale" : "mss", number);
		}
	}
	return true;
}

static void nat_address(enum family family, address value, bool brackets, struct buffer *out)
{
	buffer_puts(out, brackets ? "[" : "");
	address_print(family, value, out);
	buffer_puts(out, brackets ? "]" : "");
}

/* nftables has ports only where the rule has asked for a protocol that has them: so has iptables. */
static bool target_nat(const struct rule *rule, struct nft_rule *to)
{
	enum family family = rule->chain->table->family;
	struct buffer *out = &to->verdict;
	struct nat_range range = {0};
	const char *separator = " ";

	rule->target.type->nat(&rule->target, &range);
	if (range.map || range.shifted || range.port_low > range.port_high ||
	    (range.has_ports && (!rule->protocol || rule->protocol_inverted)))
		return false;
	buffer_puts(out, range.masquerade ? "masquerade"
			 : range.redirect ? "redirect"
			 : range.source   ? "snat"
					  : "dnat");
	if (range.has_address || range.has_ports)
		buffer_puts(out, " to ");
	else if (!range.masquerade && !range.redirect)
		return false;
	if (range.has_address) {
		bool brackets = family == FAMILY_IPV6 && range.has_ports;
		nat_address(family, range.low, brackets, out);
		if (range.high != range.low) {
			buffer_puts(out, "-");
			nat_address(family, range.high, brackets, out);
		}
	}
	if (range.has_ports) {
		buffer_printf(out, ":%u", range.port_low);
		if (range.port_high != range.port_low)
			buffer_printf(out, "-%u", range.port_high);
	}
	const struct {
		bool set;
		const char *name;
	} flags[] = {
	    {range.random, "random"}, {range.random_fully, "fully-random"}, {range.persistent, "persistent"}};
	for (size_t i = 0; i < 3; i++)
		if (flags[i].set) {
			buffer_printf(out, "%s%s", separator, flags[i].name);
			separator = ",";
		}
	return true;
}

static bool plain_verdict(const struct target_type *type, struct nft_rule *to)
{
	switch (type->kind) {
	case TARGET_ACCEPT:
		buffer_puts(&to->verdict, "accept");
		return true;
	case TARGET_DROP:
		buffer_puts(&to->verdict, "drop");
		return true;
	case TARGET_RETURN:
		buffer_puts(&to->verdict, "return");
		return true;
	default:
		return false;
	}
}

typedef bool target_words(struct nft_words *words, struct nft_rule *to);

static const struct {
	const char *name;
	target_words *target;
} targets[] = {{"REJECT", target_reject},   {"LOG", target_log},           {"CT", target_notrack},
	       {"MARK", target_mark},       {"CONNMARK", target_connmark}, {"NFLOG", target_nflog},
	       {"NFQUEUE", target_nfqueue}, {"CLASSIFY", target_classify}, {"TTL", target_hop_limit},
	       {"HL", target_hop_limit},    {"DSCP", target_dscp},         {"TOS", target_dscp},
	       {"TEE", target_tee_words},   {"SYNPROXY", target_synproxy}};

static bool translate(struct nft *nft, const struct rule *rule, struct nft_rule *to,
		      const struct buffer *options)
{
	const struct target_type *type = rule->target.type;
	bool done = false;

	if (rule->target.chain) {
		buffer_puts(&to->verdict, rule->target.is_goto ? "goto " : "jump ");
		nft_chain_name(nft, rule->target.chain, &to->verdict);
		return true;
	}
	if (!type->modelled)
		return false;
	if (!type->name || !type->name[0] || plain_verdict(type, to))
		return true;
	if (type->nat)
		return target_nat(rule, to);
	if (strcmp(type->name, "NOTRACK") == 0) {
		buffer_puts(&to->action, "notrack");
		return true;
	}
	struct nft_words words = {.rule = rule, .text = {options->data ? options->data : "", options->size}};
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (strcmp(type->name, targets[i].name) == 0)
			done = targets[i].target(&words, to);
	if (strcmp(type->name, "SET") == 0)
		done = nft_target_set(nft, rule, &words, to);
	buffer_fini(&words.word);
	return done;
}

void nft_target(struct nft *nft, const struct rule *rule, struct nft_rule *to)
{
	struct buffer options = {0};

	if (!rule->target.chain && rule->target.type->modelled && rule->target.type->print)
		rule->target.type->print(&rule->target, rule, &options);
	if (options.failed)
		nft->failed = true;
	else if (!translate(nft, rule, to, &options))
		nft_refuse(nft, rule->target.span.source ? rule->target.span : rule->span, "-j %s%s",
			   rule->target.type->name ? rule->target.type->name : "",
			   options.data ? options.data : "");
	buffer_fini(&options);
}
