/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Matches in nftables' words. They are read from what iptables-save would print, which is one form for what
 * may be written in many; an option that is not known here is refused.
 */
#include "nftables/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct buffer *nft_ask(const struct nft_asked *asked, const char *format, ...)
{
	struct buffer *value = nft_part(asked->nft, asked->rule, asked->to, "%s", "");
	va_list arguments;

	if (!value)
		return NULL;
	va_start(arguments, format);
	buffer_vprintf(&asked->to->parts[asked->to->part_count - 1].key, format, arguments);
	va_end(arguments);
	return value;
}

void nft_exact(const struct nft_asked *asked)
{
	if (asked->to->part_count)
		asked->to->parts[asked->to->part_count - 1].exact = true;
}

const char *nft_not(const struct nft_asked *asked)
{
	return asked->inverted ? " !=" : "";
}

bool nft_number(const char *text, uint64_t max, uint64_t *number, const char **end)
{
	char *stop;

	errno = 0;
	unsigned long long value = strtoull(text, &stop, 0);
	if (errno || *text < '0' || *text > '9' || value > max || (!end && *stop))
		return false;
	*number = value;
	if (end)
		*end = stop;
	return true;
}

bool nft_variants(const struct nft_asked *asked, unsigned count)
{
	if (asked->to->variants > 1)
		return false;
	asked->to->variants = count;
	return true;
}

/* nft(8) keeps up to 128 bytes, and has no way to write a quotation mark. */
static bool match_comment(struct nft_asked *asked)
{
	struct buffer *comment = &asked->to->comment;
	size_t size;

	if (!nft_word_is(asked->words, "--comment") || !nft_word(asked->words))
		return false;
	if (comment->size)
		return true; /* one is enough */
	size = asked->words->word.size < 120 ? asked->words->word.size : 120;
	while (size && size < asked->words->word.size &&
	       ((unsigned char)asked->words->word.data[size] & 0xc0) == 0x80)
		size--;
	for (size_t i = 0; i < size; i++) {
		char c = asked->words->word.data[i];
		if (c == '"')
			c = '\'';
		else if ((unsigned char)c < ' ' || c == 127)
			c = ' ';
		buffer_add(comment, &c, 1);
	}
	return true;
}

static bool match_policy(struct nft_asked *asked)
{
	bool in;

	if (!nft_word_is(asked->words, "--dir") || !nft_word(asked->words))
		return false;
	in = nft_word_is(asked->words, "in");
	if (!nft_word(asked->words) || !nft_word_is(asked->words, "--pol") || !nft_word(asked->words))
		return false;
	nft_ask(asked, "%s %s", in ? "meta ipsec" : "rt ipsec",
		nft_word_is(asked->words, "none") ? "missing" : "exists");
	return asked->words->at >= asked->words->text.size;
}

static const struct {
	const char *name;
	nft_option *option; /* called for each, or, when it reads all of them, for the first */
	bool header;        /* with no option, it asks for a header that is there */
} matches[] = {{"tcp", nft_match_ports, true},
	       {"udp", nft_match_ports, true},
	       {"sctp", nft_match_ports, true},
	       {"dccp", nft_match_ports, true},
	       {"multiport", nft_match_multiport},
	       {"icmp", nft_match_icmp},
	       {"icmp6", nft_match_icmp},
	       {"length", nft_match_length},
	       {"ttl", nft_match_ttl},
	       {"hl", nft_match_ttl},
	       {"dscp", nft_match_dscp},
	       {"tos", nft_match_tos},
	       {"tcpmss", nft_match_tcpmss},
	       {"state", nft_match_state},
	       {"conntrack", nft_match_conntrack},
	       {"connmark", nft_match_connmark},
	       {"connbytes", nft_match_connbytes},
	       {"helper", nft_match_helper},
	       {"iprange", nft_match_iprange},
	       {"mark", nft_match_mark},
	       {"mac", nft_match_mac},
	       {"pkttype", nft_match_pkttype},
	       {"addrtype", nft_match_addrtype},
	       {"devgroup", nft_match_devgroup},
	       {"cpu", nft_match_cpu},
	       {"policy", match_policy},
	       {"comment", match_comment},
	       {"owner", nft_match_owner},
	       {"limit", nft_match_limit},
	       {"statistic", nft_match_statistic},
	       {"hashlimit", nft_match_hashlimit}};

static bool match_options(struct nft_asked *asked, nft_option *option, bool header)
{
	size_t before = asked->to->part_count;

	if (!nft_word(asked->words) || !nft_word(asked->words)) /* -m NAME */
		return false;
	while (nft_word(asked->words)) {
		asked->inverted = nft_word_is(asked->words, "!");
		if ((asked->inverted && !nft_word(asked->words)) || !option(asked))
			return false;
	}
	asked->to->transport |= header;
	if (header && asked->to->part_count == before)
		nft_ask(asked, "%s dport >= 0", asked->match->type->name);
	return true;
}

/* `! --dport 0:65535`, which is not printed, and `--dport 2:1`. */
static bool matches_nothing(const struct match *match)
{
	struct port_bounds bounds;

	return match_port_bounds(match, &bounds) &&
	       (bounds.source_low > bounds.source_high || bounds.destination_low > bounds.destination_high);
}

static bool match_nothing(struct nft_asked *asked)
{
	const char *header = asked->match->type->name;

	asked->to->transport = true;
	nft_ask(asked, "%s dport 0 %s dport != 0", header, header);
	return true;
}

void nft_match(struct nft *nft, const struct rule *rule, const struct match *match, struct nft_rule *to)
{
	struct buffer text = {0};
	bool done = false;

	match->type->print(match, rule, &text);
	if (text.failed || !text.data) {
		nft->failed = true;
		buffer_fini(&text);
		return;
	}
	struct nft_words words = {.rule = rule, .text = {text.data, text.size}};
	struct nft_asked asked = {nft, rule, match, to, &words, false};
	for (size_t i = 0; match->type->modelled && i < sizeof(matches) / sizeof(*matches); i++)
		if (strcmp(match->type->name, matches[i].name) == 0)
			done = matches_nothing(match)
				   ? match_nothing(&asked)
				   : match_options(&asked, matches[i].option, matches[i].header);
	if (!done)
		nft_refuse(nft, match->span.source ? match->span : rule->span, "%s", text.data);
	buffer_fini(&words.word);
	buffer_fini(&text);
}
