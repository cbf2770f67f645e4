/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether a dump is of iptables or of ip6tables: the format does not say. From the comments that the programs
 * write, else from what the rules hold that only one of them takes (addresses, matches, targets), else from
 * the file's name. To take one for the other would make rules out of it that nobody wrote. */
#include "read/names.h"
#include "read/reader.h"
#include "ruleset/protocol.h"

#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

struct evidence {
	enum family family; /* FAMILY_COUNT: none */
	struct span span;
};

/* A target of one family may be the name of a chain in the other. */
struct chain_name {
	struct text name;
	bool declared;
};
#define CHAIN_NAMES_MAX 16 /* more than there are such targets */

struct search {
	const struct source *source;
	struct evidence comment, strong;
	struct evidence other;   /* against the one that counts; FAMILY_COUNT: none */
	bool weak[FAMILY_COUNT]; /* named protocols, which either family may name */
	struct chain_name chains[CHAIN_NAMES_MAX];
	size_t chain_count;
};

static const char *const family_names[FAMILY_COUNT] = {"IPv4", "IPv6"};

/* --- words, as words_split() takes a line apart, with their quotes on */

struct lexer {
	struct span rest;
};

static bool next_word(struct lexer *lexer, struct span *word)
{
	const char *data = lexer->rest.source->data;
	uint32_t at = lexer->rest.begin, end = lexer->rest.end;

	while (at < end && isspace((unsigned char)data[at]))
		at++;
	if (at == end)
		return false;
	*word = (struct span){lexer->rest.source, at, at};
	while (at < end && !isspace((unsigned char)data[at]) && data[at] != '"')
		at++;
	if (at < end && data[at] == '"') {
		for (at++; at < end && data[at] != '"'; at++)
			at += data[at] == '\\' && at + 1 < end;
		at += at < end;
	}
	word->end = at;
	lexer->rest.begin = at;
	return true;
}

static struct text unquoted(struct span span)
{
	struct text text = span_text(span);

	if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
		return (struct text){text.data + 1, text.size - 2};
	return text;
}

/* --- what one option and its argument say */

static bool is_one_of(struct text text, const char *const *names)
{
	for (; *names; names++)
		if (text_is(text, *names))
			return true;
	return false;
}

/* "192.0.2.1", "192.0.2.0/24", "192.0.2.1:80", "192.0.2.1-192.0.2.9", "10/8", "[2001:db8::1]:80". */
static enum family address_family(struct text text)
{
	static const char ends[] = "/,-]";
	address ignored;
	size_t size = 0;
	bool dot = false, slash, number = true;

	if (text.size && text.data[0] == '[')
		text = (struct text){text.data + 1, text.size - 1};
	while (size < text.size && text.data[size] && !strchr(ends, text.data[size]))
		size++;
	slash = size < text.size && text.data[size] == '/';
	text.size = size;
	if (size && address_parse(FAMILY_IPV6, text, &ignored) == 0)
		return FAMILY_IPV6;
	for (size = 0; size < text.size && text.data[size] != ':'; size++) {
		dot |= text.data[size] == '.';
		number &= text.data[size] == '.' || isdigit((unsigned char)text.data[size]);
	}
	return size && number && isdigit((unsigned char)text.data[0]) && (dot || slash) ? FAMILY_IPV4
											: FAMILY_COUNT;
}

static enum family reject_family(struct text with)
{
	static const char *const only4[] = {"net-unreach", "host-unreach", "proto-unreach",
					    "net-prohib",  "host-prohib",  "admin-prohib",
					    NULL};
	static const char *const only6[] = {"no-route",    "adm-prohibited", "addr-unreach",
					    "policy-fail", "reject-route",   NULL};

	if (text_starts(with, "icmp6-") || is_one_of(with, only6))
		return FAMILY_IPV6;
	return text_starts(with, "icmp-") || is_one_of(with, only4) ? FAMILY_IPV4 : FAMILY_COUNT;
}

/* The family that alone knows a name; FAMILY_COUNT when both do, or neither, and for add-ons, of which there
 * may be others. */
static enum family name_family(struct text name, enum name_origin (*known)(struct text, enum family))
{
	enum name_origin ipv4 = known(name, FAMILY_IPV4), ipv6 = known(name, FAMILY_IPV6);

	if (ipv4 == NAME_DEBIAN && ipv6 == NAME_UNKNOWN)
		return FAMILY_IPV4;
	return ipv6 == NAME_DEBIAN && ipv4 == NAME_UNKNOWN ? FAMILY_IPV6 : FAMILY_COUNT;
}

/* ":NAME ...", "-N NAME". */
static bool line_declares(struct span line, struct text name)
{
	struct lexer lexer = {line};
	struct span word;

	if (line.begin < line.end && line.source->data[line.begin] == ':')
		lexer.rest.begin++;
	else if (!next_word(&lexer, &word) ||
		 !is_one_of(span_text(word), (const char *const[]){"-N", "--new-chain", "--new", NULL}))
		return false;
	return next_word(&lexer, &word) && text_equal(span_text(word), name);
}

static bool is_chain(struct search *search, struct text name)
{
	struct line_reader lines = {.source = search->source};
	struct chain_name chain = {name, false};

	for (size_t i = 0; i < search->chain_count; i++)
		if (text_equal(search->chains[i].name, name))
			return search->chains[i].declared;
	if (search->chain_count == CHAIN_NAMES_MAX)
		return true;
	while (!chain.declared && line_reader_next(&lines))
		chain.declared = line_declares(lines.line, name);
	search->chains[search->chain_count++] = chain;
	return chain.declared;
}

static enum family option_family(struct search *search, struct text option, struct text value)
{
	static const char *const with_address[] = {"-s",
						   "--source",
						   "--src",
						   "-d",
						   "--destination",
						   "--dst",
						   "--src-range",
						   "--dst-range",
						   "--to",
						   "--to-source",
						   "--to-destination",
						   "--on-ip",
						   "--gateway",
						   "--ctorigsrc",
						   "--ctorigdst",
						   "--ctreplsrc",
						   "--ctrepldst",
						   "--tunnel-src",
						   "--tunnel-dst",
						   "--vaddr",
						   "--src-pfx",
						   "--dst-pfx",
						   "--mask",
						   "--rt-0-addrs",
						   NULL};
	enum family family;

	if (is_one_of(option, with_address))
		return address_family(value);
	if (text_is(option, "--reject-with"))
		return reject_family(value);
	if (text_is(option, "-m") || text_is(option, "--match"))
		return name_family(value, match_name_known);
	if (!text_is(option, "-j") && !text_is(option, "--jump"))
		return FAMILY_COUNT;
	family = name_family(value, target_name_known);
	return family != FAMILY_COUNT && is_chain(search, value) ? FAMILY_COUNT : family;
}

static enum family lone_option_family(struct text option)
{
	static const char *const only4[] = {"-f", "--fragment", "--fragments", "--icmp-type", NULL};

	if (text_is(option, "--icmpv6-type"))
		return FAMILY_IPV6;
	return is_one_of(option, only4) ? FAMILY_IPV4 : FAMILY_COUNT;
}

static enum family protocol_family(struct text name)
{
	uint8_t protocol;

	if (protocol_parse(name, &protocol) < 0)
		return FAMILY_COUNT;
	return protocol == IPPROTO_ICMPV6 ? FAMILY_IPV6
	       : protocol == IPPROTO_ICMP ? FAMILY_IPV4
					  : FAMILY_COUNT;
}

/* --- lines */

static void note(struct search *search, enum family family, struct span span)
{
	if (family == FAMILY_COUNT)
		return;
	if (search->strong.family == FAMILY_COUNT)
		search->strong = (struct evidence){family, span};
	else if (search->strong.family != family && search->other.family == FAMILY_COUNT)
		search->other = (struct evidence){family, span};
}

/* A file for both programs may hold rules with -4 and -6: these say nothing of the others. */
static bool says_family(struct span line)
{
	static const char *const options[] = {"-4", "-6", "--ipv4", "--ipv6", NULL};
	struct lexer lexer = {line};
	struct span word;

	while (next_word(&lexer, &word))
		if (is_one_of(span_text(word), options))
			return true;
	return false;
}

static void search_protocol(struct search *search, struct text option, struct span word)
{
	enum family family = text_is(option, "-p") || text_is(option, "--protocol")
				 ? protocol_family(unquoted(word))
				 : FAMILY_COUNT;

	if (family != FAMILY_COUNT)
		search->weak[family] = true;
}

static void search_rule(struct search *search, struct span line)
{
	struct lexer lexer = {line};
	struct text option = {0}; /* the word before, if it is one */
	struct span word;

	while (next_word(&lexer, &word)) {
		struct text text = unquoted(word);
		bool is_option = text.size > 1 && text.data[0] == '-';
		if (option.size) {
			note(search, option_family(search, option, text), word);
			search_protocol(search, option, word);
		}
		if (option.size && text_is(text, "!")) /* -s ! 192.0.2.1, as it was written long ago */
			continue;
		is_option &= !option.size || !option_takes_free_text(option);
		option = (struct text){0};
		if (!is_option)
			continue;
		const char *equals = memchr(text.data, '=', text.size);
		option = equals ? text_before(text, equals) : text;
		note(search, lone_option_family(option), word);
		if (!equals)
			continue;
		note(search, option_family(search, option, text_behind(text, equals)), word);
		option = (struct text){0};
	}
}

/* iptables 1.8.0 to 1.8.2 wrote "xtables-save" for both families, and other programs write lines like it. */
static enum family comment_family(struct text text)
{
	static const char *const begins[FAMILY_COUNT] = {"# Generated by iptables",
							 "# Generated by ip6tables"};

	for (int family = 0; family < FAMILY_COUNT; family++)
		if (text_starts(text, begins[family]))
			return (enum family)family;
	return FAMILY_COUNT;
}

static void search_comment(struct search *search, enum family family, struct span line)
{
	struct evidence said = {family, line};

	if (search->comment.family == FAMILY_COUNT) {
		search->comment = said;
		search->other.family =
		    FAMILY_COUNT; /* it decides: what a rule has against it is wrong there */
	} else if (search->comment.family != said.family && search->other.family == FAMILY_COUNT) {
		search->other = said;
	}
}

static void search_source(struct search *search)
{
	struct line_reader lines = {.source = search->source};

	while (line_reader_next(&lines)) {
		struct text text = span_text(lines.line);
		enum family commented = comment_family(text);
		if (commented != FAMILY_COUNT)
			search_comment(search, commented, lines.line);
		else if (search->comment.family == FAMILY_COUNT && search->other.family == FAMILY_COUNT &&
			 text.size && (text.data[0] == '-' || text.data[0] == '[') &&
			 !says_family(lines.line))
			search_rule(search, lines.line);
	}
}

/* --- the file's name */

static bool ends_with(const char *name, const char *end)
{
	size_t size = strlen(name), end_size = strlen(end);

	return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* Whether the word stands in the name, between what are no letters or digits. */
static bool has_part(const char *name, const char *part)
{
	for (const char *at = name; (at = strcasestr(at, part)); at++) {
		char behind = at[strlen(part)];
		if ((at == name || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)behind))
			return true;
	}
	return false;
}

/* What the name says outright: rules.v6, ip6tables.dump, ipv4.rules. */
static enum family told_family(const char *name)
{
	bool ipv6 = has_part(name, "v6") || has_part(name, "ipv6") || has_part(name, "inet6") ||
		    strcasestr(name, "ip6");
	bool ipv4 = has_part(name, "v4") || has_part(name, "ipv4") || has_part(name, "ip4") ||
		    strcasestr(name, "ip4tables");

	return ipv4 == ipv6 ? FAMILY_COUNT : ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
}

/* What it may mean: user6.rules, before6, but neither rules-2016 nor centos6 nor what mkstemp() made up. */
static enum family hinted_family(const char *name)
{
	static const char *const words[] = {"rules",  "user",     "before", "after", "tables",
					    "filter", "firewall", "fw",     "nat",   "raw",
					    "mangle", "save",     "dump",   NULL};
	const char *iptables = strcasestr(name, "iptables");

	if (iptables && iptables[strlen("iptables")] != '6')
		return FAMILY_IPV4;
	for (const char *at = name; (at = strchr(at, '6')); at++) {
		const char *word = at;
		while (word > name && isalpha((unsigned char)word[-1]))
			word--;
		size_t size = (size_t)(at - word);
		bool alone =
		    (word == name || !isalnum((unsigned char)word[-1])) && !isalnum((unsigned char)at[1]);
		for (size_t i = 0; alone && words[i]; i++) {
			bool same = strlen(words[i]) == size && strncasecmp(word, words[i], size) == 0;
			if (same || (iptables && word <= iptables && iptables < at))
				return FAMILY_IPV6;
		}
	}
	return FAMILY_COUNT;
}

/* --- */

static void mixed_family(struct diagnostics *sink, const struct evidence *first,
			 const struct evidence *second)
{
	struct diagnostic *error = diagnostic_add(sink, SEVERITY_ERROR, "mixed-family", second->span,
						  "this says that the rules are %s, after what said %s",
						  family_names[second->family], family_names[first->family]);

	diagnostic_label(error, first->span, "%s here", family_names[first->family]);
	diagnostic_hint(error, "give rules of iptables and of ip6tables as two files");
}

static void misnamed(struct diagnostics *sink, const struct evidence *found, const char *name)
{
	diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "mixed-family", found->span,
				       "this says that the rules are %s, but the file is called %s",
				       family_names[found->family], name),
			"rename the file, or give the other one");
}

bool source_family(const struct source *source, struct diagnostics *sink, enum family *family)
{
	static const struct evidence none = {.family = FAMILY_COUNT};
	struct search search = {.source = source, .comment = none, .strong = none, .other = none};
	const char *slash = strrchr(source->name, '/');
	const char *name = slash ? slash + 1 : source->name;

	search_source(&search);
	const struct evidence *best =
	    search.comment.family != FAMILY_COUNT ? &search.comment : &search.strong;
	if (search.other.family != FAMILY_COUNT) {
		mixed_family(sink, best, &search.other);
		return false;
	}
	enum family named = ends_with(name, ".v6")   ? FAMILY_IPV6
			    : ends_with(name, ".v4") ? FAMILY_IPV4
						     : FAMILY_COUNT;
	if (best->family != FAMILY_COUNT) {
		*family = best->family;
		if (named != FAMILY_COUNT && named != best->family)
			misnamed(sink, best, source->name);
		return true;
	}
	*family = told_family(name);
	if (named != FAMILY_COUNT)
		*family = named;
	bool ipv4 = search.weak[FAMILY_IPV4], ipv6 = search.weak[FAMILY_IPV6];
	if (*family == FAMILY_COUNT && ipv4 != ipv6)
		*family = ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
	if (*family == FAMILY_COUNT)
		*family = hinted_family(name);
	if (*family == FAMILY_COUNT)
		*family = FAMILY_IPV4;
	return true;
}
