/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tables, chains and rules as nft(8) takes them.
 *
 * All tables of iptables become chains of one table, "filter-INPUT", since sets belong to a table: what
 * orders them at a hook is their priority, and accepting in one of them goes on with the next, as between
 * iptables' tables.
 *
 * Consecutive rules that ask the same but for one value, and only decide, become one verdict map: no packet
 * is matched by two of them, so that their order says nothing. */
#include "nftables/nft.h"

#include "nftables/private.h"

#include "extension/translation.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

bool nft_word(struct nft_words *words)
{
	const struct text *text = &words->text;
	bool quoted;

	while (words->at < text->size && text->data[words->at] == ' ')
		words->at++;
	if (words->at >= text->size)
		return false;
	words->word.size = 0;
	buffer_puts(&words->word, "");
	quoted = text->data[words->at] == '"';
	words->at += quoted;
	for (; words->at < text->size && text->data[words->at] != (quoted ? '"' : ' '); words->at++) {
		if (quoted && text->data[words->at] == '\\' && words->at + 1 < text->size)
			words->at++;
		buffer_add(&words->word, text->data + words->at, 1);
	}
	words->at += quoted;
	return words->word.data && !words->word.failed;
}

void nft_refuse(struct nft *nft, struct span span, const char *format, ...)
{
	struct buffer text = {0};
	va_list arguments;

	va_start(arguments, format);
	buffer_vprintf(&text, format, arguments);
	va_end(arguments);
	diagnostic_add(nft->sink, SEVERITY_ERROR, "not-in-nft", span, "nftables has no exact words for %s",
		       text.data ? text.data : "this");
	nft->refused = true;
	buffer_fini(&text);
}

struct buffer *nft_part(struct nft *nft, const struct rule *rule, struct nft_rule *to, const char *format,
			...)
{
	va_list arguments;

	if (to->part_count == NFT_PARTS_MAX) {
		nft_refuse(nft, rule->span, "so many conditions in one rule");
		return NULL;
	}
	struct nft_part *part = &to->parts[to->part_count++];
	part->key.size = part->value.size = 0;
	part->exact = false;
	buffer_puts(&part->value, "");
	va_start(arguments, format);
	buffer_vprintf(&part->key, format, arguments);
	va_end(arguments);
	return &part->value;
}

void nft_protocol(uint8_t protocol, struct buffer *out)
{
	switch (protocol) {
	case IPPROTO_TCP:
		buffer_puts(out, "tcp");
		break;
	case IPPROTO_UDP:
		buffer_puts(out, "udp");
		break;
	case IPPROTO_ICMP:
		buffer_puts(out, "icmp");
		break;
	case IPPROTO_ICMPV6:
		buffer_puts(out, "icmpv6");
		break;
	default:
		buffer_printf(out, "%u", protocol);
	}
}

const char *nft_header(enum family family)
{
	return family == FAMILY_IPV4 ? "ip" : "ip6";
}

void nft_chain_name(const struct nft *nft, const struct chain *chain, struct buffer *out)
{
	buffer_printf(out, "%s%s-", nft->later ? "later-" : "", table_names[chain->table->id]);
	buffer_add(out, chain->name.data, chain->name.size);
}

static bool chain_name_good(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		unsigned char c = (unsigned char)name.data[i];
		if (!isascii(c) || (!isalnum(c) && (!c || !strchr("_.-/", c))))
			return false;
	}
	return true;
}

/* --- What the header asks
 * -------------------------------------------------------------------------------------------- */

static void ask_address(struct nft *nft, const struct rule *rule, const struct address_match *match,
			const char *side, struct nft_rule *to)
{
	enum family family = rule->chain->table->family;
	int length = mask_length(family, match->mask);
	struct buffer *value;

	if (match->mask == 0) {
		if (match->inverted)
			nft_refuse(nft, rule->span, "what no packet is: inverted, any address");
		return;
	}
	if (length < 0) {
		struct buffer mask = {0};
		address_print(family, match->mask, &mask);
		value = nft_part(nft, rule, to, "%s %s & %s %s", nft_header(family), side,
				 mask.data ? mask.data : "", match->inverted ? "!=" : "==");
		nft->failed |= mask.failed;
		buffer_fini(&mask);
	} else {
		value = nft_part(nft, rule, to, "%s %s%s", nft_header(family), side,
				 match->inverted ? " !=" : "");
	}
	if (!value)
		return;
	address_print(family, match->value, value);
	if (length >= 0 && (unsigned)length < family_bits(family))
		buffer_printf(value, "/%d", length);
	to->parts[to->part_count - 1].exact = !match->inverted && length == (int)family_bits(family);
}

bool nft_interface_good(const char *name)
{
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127 || strchr("\"*\\$", *c))
			return false;
	return true;
}

static void ask_interface(struct nft *nft, const struct rule *rule, const struct interface_match *match,
			  const char *key, struct nft_rule *to)
{
	if (!match->name[0]) {
		if (match->inverted)
			nft_refuse(nft, rule->span, "what no packet is: inverted, any interface");
		return;
	}
	if (!nft_interface_good(match->name)) {
		nft_refuse(nft, rule->span, "an interface of that name");
		return;
	}
	struct buffer *value = nft_part(nft, rule, to, "%s%s", key, match->inverted ? " !=" : "");
	if (value) {
		buffer_printf(value, "\"%s%s\"", match->name, match->wildcard ? "*" : "");
		to->parts[to->part_count - 1].exact = !match->inverted && !match->wildcard;
	}
}

static void ask_header(struct nft *nft, const struct rule *rule, struct nft_rule *to)
{
	struct buffer *value;

	ask_address(nft, rule, &rule->source, "saddr", to);
	ask_address(nft, rule, &rule->destination, "daddr", to);
	ask_interface(nft, rule, &rule->in, "iifname", to);
	ask_interface(nft, rule, &rule->out, "oifname", to);
	if (rule->protocol) {
		value = nft_part(nft, rule, to, "meta l4proto%s", rule->protocol_inverted ? " !=" : "");
		if (value) {
			nft_protocol(rule->protocol, value);
			to->parts[to->part_count - 1].exact = !rule->protocol_inverted;
		}
	}
	if (rule->fragment != FRAGMENT_ANY) {
		value = nft_part(nft, rule, to, "ip frag-off & 0x1fff %s",
				 rule->fragment == FRAGMENT_LATER ? "!=" : "==");
		if (value)
			buffer_puts(value, "0");
	}
}

/* As in nftables/match_header.c. */
void nft_ask_whole(struct nft *nft, const struct rule *rule, struct nft_rule *to, size_t at)
{
	if (nft->joined || rule->chain->table->family != FAMILY_IPV4 || rule->fragment == FRAGMENT_NOT_LATER)
		return;
	struct buffer *value = nft_part(nft, rule, to, "ip frag-off & 0x1fff ==");
	if (!value)
		return;
	buffer_puts(value, "0");
	struct nft_part part = to->parts[to->part_count - 1];
	memmove(&to->parts[at + 1], &to->parts[at], (to->part_count - 1 - at) * sizeof(part));
	to->parts[at] = part;
}

/* --- Rules
 * -----------------------------------------------------------------------------------------------------------
 */

static void rule_empty(struct nft_rule *rule)
{
	rule->part_count = 0;
	rule->stateful = rule->transport = rule->single = rule->absent = rule->later = rule->connection =
	    false;
	rule->variants = 1;
	rule->comment.size = rule->action.size = rule->verdict.size = 0;
}

static void rule_fini(struct nft_rule *rule)
{
	for (size_t i = 0; i < NFT_PARTS_MAX; i++) {
		buffer_fini(&rule->parts[i].key);
		buffer_fini(&rule->parts[i].value);
	}
	buffer_fini(&rule->comment);
	buffer_fini(&rule->action);
	buffer_fini(&rule->verdict);
}

static void translate(struct nft *nft, const struct rule *rule, struct nft_rule *to)
{
	ask_header(nft, rule, to);
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		size_t before = to->part_count;
		bool whole = to->transport;
		if (match->type->name && strcmp(match->type->name, "set") == 0)
			nft_match_set(nft, rule, match, to);
		else
			nft_match(nft, rule, match, to);
		if (to->transport && !whole)
			nft_ask_whole(nft, rule, to, before);
	}
	nft_target(nft, rule, to);
	for (size_t i = 0; i < to->part_count; i++)
		nft->failed |= to->parts[i].key.failed || to->parts[i].value.failed;
	nft->failed |= to->comment.failed || to->action.failed || to->verdict.failed;
}

static void print_part(const struct nft_part *part, struct buffer *out)
{
	buffer_add(out, part->key.data, part->key.size);
	if (part->value.size) {
		buffer_puts(out, " ");
		buffer_add(out, part->value.data, part->value.size);
	}
}

static void print_word(const char *before, const struct buffer *text, struct buffer *out)
{
	if (!text->size)
		return;
	buffer_puts(out, before);
	buffer_add(out, text->data, text->size);
}

/* `first`: of those that one rule takes; it has what the rule has counted. */
static void print_rule(const struct nft *nft, const struct rule *rule, const struct nft_rule *made,
		       bool first, struct buffer *out)
{
	const char *before = "\t\t";

	for (size_t i = 0; i < made->part_count; i++) {
		buffer_puts(out, before);
		print_part(&made->parts[i], out);
		before = " ";
	}
	if (nft->counters || (!made->action.size && !made->verdict.size)) {
		buffer_printf(out, "%scounter packets %" PRIu64 " bytes %" PRIu64, before,
			      first ? rule->packets : 0, first ? rule->bytes : 0);
		before = " ";
	}
	print_word(before, &made->action, out);
	print_word(made->action.size ? " " : before, &made->verdict, out);
	if (made->comment.size) {
		buffer_puts(out, " comment \"");
		buffer_add(out, made->comment.data, made->comment.size);
		buffer_puts(out, "\"");
	}
	buffer_puts(out, "\n");
}

/* --- Verdict maps
 * ---------------------------------------------------------------------------------------------------- */

#define RUN_MAX 1000 /* each new value is compared with all before it */
#define RUN_MIN 3    /* rules that a map is worth */

struct run {
	struct nft_rule rules[2]; /* the first one, and the one at hand */
	size_t count;
	size_t varies;                  /* of the parts, from the second rule on */
	struct buffer plain;            /* the rules as they are, when no map is made of them */
	struct buffer values, verdicts; /* NUL-terminated, one after the other */
	bool differ;                    /* the verdicts do */
};

static bool same_buffer(const struct buffer *a, const struct buffer *b)
{
	return a->size == b->size && (!a->size || memcmp(a->data, b->data, a->size) == 0);
}

static bool only_decides(const struct nft *nft, const struct nft_rule *rule)
{
	static const char *const verdicts[] = {"accept", "drop", "return", "jump ", "goto "};

	if (nft->counters || rule->stateful || rule->action.size || rule->comment.size || !rule->verdict.size)
		return false;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++)
		if (strncmp(rule->verdict.data, verdicts[i], strlen(verdicts[i])) == 0)
			return true;
	return false;
}

static bool has_value(const struct run *run, const struct buffer *value)
{
	for (size_t at = 0; at < run->values.size; at += strlen(run->values.data + at) + 1)
		if (strcmp(run->values.data + at, value->data) == 0)
			return true;
	return false;
}

/* The rule at hand asks the same as the first one, but for one value that none before it had. */
static bool run_takes(const struct nft *nft, struct run *run)
{
	const struct nft_rule *first = &run->rules[0], *next = &run->rules[1];
	size_t varies = SIZE_MAX;

	if (!run->count || run->count == RUN_MAX || !only_decides(nft, first) || !only_decides(nft, next) ||
	    first->part_count != next->part_count)
		return false;
	for (size_t i = 0; i < first->part_count; i++) {
		if (!same_buffer(&first->parts[i].key, &next->parts[i].key) ||
		    first->parts[i].exact != next->parts[i].exact)
			return false;
		if (same_buffer(&first->parts[i].value, &next->parts[i].value))
			continue;
		if (varies != SIZE_MAX || !first->parts[i].exact)
			return false;
		varies = i;
	}
	if (varies == SIZE_MAX || (run->count > 1 && varies != run->varies))
		return false;
	run->varies = varies;
	if (run->count == 1) {
		run->values.size = run->verdicts.size = 0;
		buffer_add(&run->values, first->parts[varies].value.data,
			   first->parts[varies].value.size + 1);
		buffer_add(&run->verdicts, first->verdict.data, first->verdict.size + 1);
	}
	return !has_value(run, &next->parts[varies].value);
}

static void print_map(struct run *run, struct buffer *out)
{
	const struct nft_rule *first = &run->rules[0];
	size_t value = 0, verdict = 0;

	buffer_puts(out, "\t\t");
	for (size_t i = 0; i < first->part_count; i++) {
		if (i == run->varies)
			continue;
		print_part(&first->parts[i], out);
		buffer_puts(out, " ");
	}
	buffer_add(out, first->parts[run->varies].key.data, first->parts[run->varies].key.size);
	buffer_puts(out, " vmap {\n");
	while (value < run->values.size && verdict < run->verdicts.size) {
		buffer_printf(out, "%s\t\t\t%s : %s", value ? ",\n" : "", run->values.data + value,
			      run->verdicts.data + verdict);
		value += strlen(run->values.data + value) + 1;
		verdict += strlen(run->verdicts.data + verdict) + 1;
	}
	buffer_puts(out, "\n\t\t}\n");
}

static void run_end(struct nft *nft, struct run *run)
{
	if (run->count >= RUN_MIN && run->differ)
		print_map(run, nft->out);
	else if (run->plain.size)
		buffer_add(nft->out, run->plain.data, run->plain.size);
	nft->failed |= run->plain.failed || run->values.failed || run->verdicts.failed;
	run->plain.size = run->values.size = run->verdicts.size = run->count = 0;
	run->differ = false;
}

/* Whether the rule that was made stands in the chain that is being printed. */
static bool stands(struct nft *nft, const struct rule *rule, const struct nft_rule *made)
{
	if (made->stateful && made->variants > 1)
		nft_refuse(nft, rule->span, "one limit or count of a rule that takes several");
	if (made->single && !made->transport && nft->split)
		nft_refuse(nft, rule->span, "one count of a rule that later fragments of IPv6 meet, too");
	nft->transport |= made->transport || made->later;
	return !made->absent && (nft->later ? !made->transport : !made->later);
}

static void note_counter(struct nft *nft, const struct rule *rule)
{
	struct nft_counted *counted = nft->options->counted;

	if (!counted)
		return;
	if (counted->count == counted->capacity) {
		size_t capacity = counted->capacity ? 2 * counted->capacity : 64;
		const struct rule **rules = reallocarray(counted->rules, capacity, sizeof(*rules));
		if (!rules) {
			nft->failed = true;
			return;
		}
		counted->rules = rules;
		counted->capacity = capacity;
	}
	counted->rules[counted->count++] = rule;
}

static void run_take(struct nft *nft, struct run *run, const struct rule *rule, bool first)
{
	struct nft_rule *next = &run->rules[1];

	if (run_takes(nft, run)) {
		const struct nft_part *part = &next->parts[run->varies];
		buffer_add(&run->values, part->value.data, part->value.size + 1);
		buffer_add(&run->verdicts, next->verdict.data, next->verdict.size + 1);
		run->differ |= !same_buffer(&next->verdict, &run->rules[0].verdict);
	} else {
		run_end(nft, run);
		struct nft_rule spare = run->rules[0];
		run->rules[0] = *next;
		*next = spare;
		next = &run->rules[0];
	}
	print_rule(nft, rule, next, first, &run->plain);
	note_counter(nft, rule);
	run->count++;
}

static void run_add(struct nft *nft, struct run *run, const struct rule *rule)
{
	struct nft_rule *next = &run->rules[1];
	bool first = true;
	unsigned variants;

	nft->variant = 0;
	do {
		rule_empty(next);
		translate(nft, rule, next);
		variants = next->variants;
		bool here = stands(nft, rule, next);
		if (nft->failed || nft->refused)
			return;
		/* The chain for later fragments has the same maps. */
		if (here)
			run_take(nft, run, rule, first);
		else
			run_end(nft, run);
		first &= !here;
	} while (++nft->variant < variants);
}

/* --- Chains
 * ----------------------------------------------------------------------------------------------------------
 */

/* include/uapi/linux/netfilter_ipv4.h */
static int priority_of(enum table_id table, enum hook hook)
{
	switch (table) {
	case TABLE_RAW:
		return -300;
	case TABLE_MANGLE:
		return -150;
	case TABLE_NAT:
		return hook == HOOK_PREROUTING || hook == HOOK_OUTPUT ? -100 : 100;
	case TABLE_SECURITY:
		return 50;
	case TABLE_FILTER:
	case TABLE_COUNT:
		break;
	}
	return 0;
}

/* Of mangle's OUTPUT the packet is routed again when its mark, addresses or TOS have changed. */
static void print_base(const struct chain *chain, struct buffer *out)
{
	static const char *const hooks[HOOK_COUNT] = {"prerouting", "input", "forward", "output",
						      "postrouting"};
	enum table_id table = chain->table->id;

	buffer_printf(out, "\t\ttype %s hook %s priority %d; policy %s;\n",
		      table == TABLE_NAT                                    ? "nat"
		      : table == TABLE_MANGLE && chain->hook == HOOK_OUTPUT ? "route"
									    : "filter",
		      hooks[chain->hook], priority_of(table, chain->hook),
		      chain->policy == POLICY_DROP ? "drop" : "accept");
}

static void print_chain(struct nft *nft, const struct chain *chain, struct run *run)
{
	if (!chain_name_good(chain->name)) {
		nft_refuse(nft, chain->span, "a chain of that name");
		return;
	}
	buffer_puts(nft->out, "\tchain ");
	nft_chain_name(nft, chain, nft->out);
	buffer_puts(nft->out, " {\n");
	if (chain->builtin && !nft->later)
		print_base(chain, nft->out);
	if (chain->builtin && nft->split && !nft->later)
		buffer_printf(nft->out, "\t\tfrag frag-off != 0 goto later-%s-%s\n",
			      table_names[chain->table->id], hook_names[chain->hook]);
	for (size_t i = 0; i < chain->rule_count && !nft->failed; i++)
		run_add(nft, run, &chain->rules[i]);
	run_end(nft, run);
	buffer_puts(nft->out, "\t}\n");
}

static bool makes_untracked(const struct ruleset *ruleset, enum family family)
{
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &ruleset->tables[family][id];
		for (size_t i = 0; i < table->chain_count; i++)
			for (size_t k = 0; k < table->chains[i]->rule_count; k++)
				if (table->chains[i]->rules[k].target.type->kind == TARGET_NOTRACK)
					return true;
	}
	return false;
}

/* What asks for connections turns their tracking on, in iptables and here (nf_ct_netns_get()), and that puts
 * fragments together before any table sees them (nf_defrag_ipv4_enable()). */
static bool asks_for_connections(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const char *name = rule->matches[i].type->name;
		if (name && (strcmp(name, "state") == 0 || strcmp(name, "conntrack") == 0))
			return true;
	}
	const char *target = rule->target.type->name;
	return rule->target.type->nat != NULL || (target && strcmp(target, "SYNPROXY") == 0);
}

static bool joins_fragments(const struct ruleset *ruleset, enum family family)
{
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &ruleset->tables[family][id];
		for (size_t i = 0; i < table->chain_count; i++)
			for (size_t k = 0; k < table->chains[i]->rule_count; k++)
				if (asks_for_connections(&table->chains[i]->rules[k]))
					return true;
	}
	return makes_untracked(ruleset, family);
}

static bool has_counted(const struct ruleset *ruleset, enum family family)
{
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &ruleset->tables[family][id];
		for (size_t i = 0; i < table->chain_count; i++)
			for (size_t k = 0; k < table->chains[i]->rule_count; k++)
				if (table->chains[i]->rules[k].packets || table->chains[i]->rules[k].bytes)
					return true;
	}
	return false;
}

/* The text begins with what is not the same, for those who read nothing else. */
static const char head[] = "# For nft -f, Linux 5.17 or later.\n"
			   "# Headers that are cut off or make no sense: some matches of iptables drop such "
			   "packets, these do not match.\n";

struct telling {
	struct nft *nft;
	bool authentication; /* said */
};

static void tell_gap(void *context, enum translation_gap gap, const struct rule *rule)
{
	static const char *const words[TRANSLATION_GAPS] = {
	    [GAP_AUTHENTICATION] =
		"IPv6 packets with an authentication header (AH): ip6tables looks at the protocol and ports "
		"behind it here, nftables takes AH for the protocol, and this rule and its like will not "
		"match "
		"them",
	    [GAP_ZERO_ADDRESS] =
		"this rule adds addresses to a set: ipset takes none that is all zeros (as a "
		"DHCP client's), a set of nftables does",
	    [GAP_FULL_TABLE] =
		"where this hashlimit has no place for another address the packet is dropped; in "
		"nftables the rule will not match it",
	    [GAP_INTERFACE_NAME] =
		"this TEE follows the name of its interface; in nftables it has the one that "
		"is there when the rules are loaded",
	};
	struct telling *telling = context;
	struct nft *nft = telling->nft;
	bool authentication = gap == GAP_AUTHENTICATION;

	if (authentication && telling->authentication)
		return;
	if (authentication)
		buffer_puts(nft->out,
			    "# IPv6 packets with an authentication header (AH): ip6tables looks at the "
			    "protocol behind it, nftables takes AH for the protocol.\n");
	telling->authentication |= authentication;
	/* Nobody had a policy's rules in iptables: its manual says it once. */
	if (!nft->ruleset->translated || gap == GAP_ZERO_ADDRESS)
		diagnostic_add(nft->sink, SEVERITY_WARNING, translation_codes[gap], rule->span, "%s",
			       words[gap]);
}

static void print_chains(struct nft *nft, enum family family, struct run *run)
{
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &nft->ruleset->tables[family][id];
		for (size_t i = 0; table->present && i < table->chain_count && !nft->failed; i++)
			print_chain(nft, table->chains[i], run);
	}
}

/* Of later fragments of IPv6 nftables reads ports where there are none (seen with Linux 6.18: bytes of IP's
 * own header). They take a copy of the chains without the rules that look there, which match none of them in
 * iptables. */
static void print_all_chains(struct nft *nft, enum family family, struct run *run)
{
	size_t counted = nft->options->counted ? nft->options->counted->count : 0;

	nft->transport = nft->split = nft->later = false;
	nft->objects.size = 0;
	print_chains(nft, family, run);
	if (family != FAMILY_IPV6 || !nft->transport || nft->refused || nft->failed)
		return;
	nft->out->size = nft->objects.size = 0;
	if (nft->options->counted)
		nft->options->counted->count = counted;
	nft->split = true;
	print_chains(nft, family, run);
	nft->later = true;
	print_chains(nft, family, run);
	nft->later = false;
}

static void print_family(struct nft *nft, enum family family, struct run *run)
{
	struct buffer chains = {0}, *out = nft->out;

	nft->counters = nft->options->counters || has_counted(nft->ruleset, family);
	memset(nft->sets_used, 0, nft->ruleset->set_count * sizeof(*nft->sets_used));
	nft->out = &chains;
	nft->joined = joins_fragments(nft->ruleset, family);
	print_all_chains(nft, family, run);
	nft->out = out;
	buffer_printf(out, "\nadd table %s weir\ndelete table %s weir\ntable %s weir {\n", nft_header(family),
		      nft_header(family), nft_header(family));
	nft_sets(nft, family);
	/* CT --notrack turns connection tracking on, and with it the joining of fragments; notrack does not.
	 */
	if (makes_untracked(nft->ruleset, family))
		buffer_puts(out, "\tchain tracking {\n\t\tct state new\n\t}\n");
	buffer_add(out, nft->objects.data ? nft->objects.data : "", nft->objects.size);
	buffer_add(out, chains.data ? chains.data : "", chains.size);
	buffer_puts(out, "}\n");
	nft->failed |= chains.failed || nft->objects.failed;
	buffer_fini(&chains);
}

int nft_print(const struct ruleset *ruleset, struct buffer *out, struct diagnostics *sink)
{
	return nft_print_with(ruleset, &(struct nft_options){0}, out, sink);
}

int nft_print_with(const struct ruleset *ruleset, const struct nft_options *options, struct buffer *out,
		   struct diagnostics *sink)
{
	struct buffer text = {0};
	struct nft nft = {.ruleset = ruleset, .sink = sink, .out = &text, .options = options};
	struct run *run = calloc(1, sizeof(*run));

	nft.sets_used = calloc(ruleset->set_count + 1, sizeof(*nft.sets_used));
	nft.failed = !run || !nft.sets_used;
	buffer_puts(&text, head);
	translation_gaps(ruleset, tell_gap, &(struct telling){.nft = &nft});
	for (int family = 0; family < FAMILY_COUNT && !nft.failed; family++)
		if (ruleset->has_family[family])
			print_family(&nft, (enum family)family, run);
	int error = nft.failed || text.failed ? -ENOMEM : nft.refused ? -EINVAL : 0;
	if (!error) {
		buffer_add(out, text.data, text.size);
		error = out->failed ? -ENOMEM : 0;
	}
	if (run) {
		rule_fini(&run->rules[0]);
		rule_fini(&run->rules[1]);
		buffer_fini(&run->plain);
		buffer_fini(&run->values);
		buffer_fini(&run->verdicts);
	}
	free(run);
	free(nft.sets_used);
	buffer_fini(&nft.objects);
	buffer_fini(&text);
	return error;
}
