/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The matches that look up sets, and the target that fills them.
 *
 * A port of such a set is found where nftables finds one: in whole packets and first fragments of the
 * protocol that the member names (ip_set_get_ip4_port() and its twin). An inverted look-up matches where none
 * is found, too, and nftables' does not: it takes rules of its own for what has none. */
#include "nftables/private.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define TIMEOUT_MAX 2147483 /* seconds: IPSET_MAX_TIMEOUT, which xt_set makes of longer ones */

/* What ports of members are of; all other protocols have none there (set_members.c refuses them). */
#define PROTOCOLS_WITH_PORTS "{ tcp, udp, udplite, sctp }"

void nft_set_name(const struct set *set, struct buffer *out)
{
	if (!text_starts(set->name, "weir-"))
		buffer_puts(out, "set-");
	buffer_add(out, set->name.data, set->name.size);
}

bool nft_name_good(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		unsigned char c = (unsigned char)name.data[i];
		if (!isascii(c) || (!isalnum(c) && (!c || !strchr("_.-", c))))
			return false;
	}
	return name.size > 0;
}

/* What a packet is looked up by. */
struct key {
	struct buffer text;
	bool ports;     /* with their protocol */
	bool elsewhere; /* an interface, which not every packet has */
};

static bool key_part(struct key *key, enum set_part part, const char *header, bool source)
{
	switch (part) {
	case SET_PART_ADDRESS:
	case SET_PART_NET:
		buffer_printf(&key->text, "%s %s", header, source ? "saddr" : "daddr");
		return true;
	case SET_PART_PORT:
		key->ports = true;
		buffer_printf(&key->text, "meta l4proto . th %s", source ? "sport" : "dport");
		return true;
	case SET_PART_INTERFACE:
		key->elsewhere = true;
		buffer_puts(&key->text, source ? "iifname" : "oifname");
		return true;
	default:
		return false;
	}
}

static bool make_key(const struct set *set, enum family family, const bool *source, unsigned dimensions,
		     struct key *key)
{
	const struct set_type_info *type = &set_types[set->type];

	if ((set->family != family && !type->any_family) || !nft_set_type_known(set) ||
	    !nft_name_good(set->name) || dimensions != set->dimensions)
		return false;
	for (unsigned i = 0; i < dimensions; i++) {
		buffer_puts(&key->text, i ? " . " : "");
		if (!key_part(key, type->parts[i], nft_header(family), source[i]))
			return false;
	}
	return !key->text.failed;
}

static void use_set(struct nft *nft, const struct set *set)
{
	for (size_t i = 0; i < nft->ruleset->set_count; i++)
		if (nft->ruleset->sets[i] == set)
			nft->sets_used[i] = true;
}

/* The rule has asked for a protocol without ports: then there is none to be found, and nft 1.0.6 ends in an
 * assertion when it lists ports of GRE. */
static bool has_no_ports(const struct rule *rule)
{
	return rule->protocol && !rule->protocol_inverted && !nft_protocol_has_ports(rule->protocol);
}

static void look_up(const struct nft_asked *asked, const struct key *key, const struct set *set,
		    bool inverted)
{
	if (key->ports && has_no_ports(asked->rule)) {
		nft_ask(asked, "meta l4proto %s", PROTOCOLS_WITH_PORTS);
		return;
	}
	struct buffer *value = nft_ask(asked, "%s%s", key->text.data, inverted ? " !=" : "");
	if (!value)
		return;
	buffer_puts(value, "@");
	nft_set_name(set, value);
	asked->to->stateful |= set->counters;
	asked->to->transport |= key->ports;
}

/* Packets that have no ports, later fragments of those that have, and those whose port is no member. */
static bool look_up_inverted(const struct nft_asked *asked, const struct key *key, const struct set *set)
{
	if (has_no_ports(asked->rule))
		return true;
	if (!nft_variants(asked, 3))
		return false;
	if (asked->nft->variant == 2) {
		nft_ask(asked, "meta l4proto %s", PROTOCOLS_WITH_PORTS);
		look_up(asked, key, set, true);
		return true;
	}
	nft_ask(asked, "meta l4proto%s %s", asked->nft->variant == 0 ? " !=" : "", PROTOCOLS_WITH_PORTS);
	if (asked->nft->variant == 1 && asked->rule->chain->table->family == FAMILY_IPV4)
		nft_ask(asked, "ip frag-off & 0x1fff != 0");
	else
		asked->to->later |= asked->nft->variant == 1;
	return true;
}

static bool match_set(const struct nft_asked *asked, const struct set_question *question)
{
	const struct set *set = question->set;
	struct key key = {0};
	bool done =
	    make_key(set, asked->rule->chain->table->family, question->source, question->dimensions, &key);

	if (done && question->inverted && key.elsewhere)
		done = false;
	else if (done && question->inverted && key.ports)
		done = look_up_inverted(asked, &key, set);
	else if (done)
		look_up(asked, &key, set, question->inverted);
	if (done)
		use_set(asked->nft, set);
	buffer_fini(&key.text);
	return done;
}

void nft_match_set(struct nft *nft, const struct rule *rule, const struct match *match, struct nft_rule *to)
{
	struct nft_asked asked = {nft, rule, match, to, NULL, false};
	struct set_question question;
	struct buffer text = {0};

	match->type->print(match, rule, &text);
	/* Options behind the directions are not known: --return-nomatch, counters. */
	bool plain = match_set_question(match, &question) && text.data &&
		     !strstr(text.data, "--return-nomatch") && !strstr(text.data, "update-") &&
		     !strstr(text.data, "--packets-") && !strstr(text.data, "--bytes-");
	if (!plain || !match_set(&asked, &question))
		nft_refuse(nft, match->span.source ? match->span : rule->span, "%s",
			   text.data ? text.data : "-m set");
	buffer_fini(&text);
}

/* --- SET
 * -------------------------------------------------------------------------------------------------------------------
 */

/* "src,dst" */
static unsigned read_directions(const char *text, bool source[SET_PARTS_MAX])
{
	unsigned count = 0;

	for (const char *at = text; *at;) {
		if (count == SET_PARTS_MAX || (strncmp(at, "src", 3) != 0 && strncmp(at, "dst", 3) != 0) ||
		    (at[3] && at[3] != ','))
			return 0;
		source[count++] = *at == 's';
		at += 3 + (at[3] == ',');
	}
	return count;
}

/* Ports are those of a protocol that the rule has asked for: of others ipset makes them of something else. */
static bool has_ports(const struct rule *rule)
{
	return !rule->protocol_inverted && nft_protocol_has_ports(rule->protocol);
}

/* What --exist renews is when the member goes; without it a member that is there stays as it is. */
bool nft_target_set(struct nft *nft, const struct rule *rule, struct nft_words *words, struct nft_rule *to)
{
	bool source[SET_PARTS_MAX], add, renew = false;
	struct key key = {0};
	uint64_t timeout = 0;

	if (!nft_word(words) ||
	    (!(add = nft_word_is(words, "--add-set")) && !nft_word_is(words, "--del-set")) ||
	    !nft_word(words))
		return false;
	const struct set *set =
	    ruleset_find_set(nft->ruleset, (struct text){words->word.data, words->word.size});
	if (!set || !nft_word(words))
		return false;
	unsigned dimensions = read_directions(words->word.data, source);
	while (nft_word(words)) {
		if (nft_word_is(words, "--exist"))
			renew = true;
		else if (!nft_word_is(words, "--timeout") || !nft_word(words) || !set->has_timeout ||
			 !nft_number(words->word.data, TIMEOUT_MAX, &timeout, NULL) || !timeout)
			return false;
	}
	/* The rule of a later fragment does all but this: there is no such rule here. */
	bool whole = nft->joined || to->transport || rule->fragment == FRAGMENT_NOT_LATER ||
		     rule->chain->table->family != FAMILY_IPV4;
	bool done = nft_set_fillable(set) &&
		    make_key(set, rule->chain->table->family, source, dimensions, &key) && !key.elsewhere &&
		    (!key.ports || (has_ports(rule) && whole));
	if (done) {
		use_set(nft, set);
		to->transport |= key.ports;
		buffer_puts(&to->action, !add                        ? "delete @"
					 : renew && set->has_timeout ? "update @"
								     : "add @");
		nft_set_name(set, &to->action);
		buffer_printf(&to->action, " { %s", key.text.data);
		if (timeout)
			buffer_printf(&to->action, " timeout %" PRIu64 "s", timeout);
		buffer_puts(&to->action, " }");
	}
	buffer_fini(&key.text);
	return done;
}
