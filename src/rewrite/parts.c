/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The proof of one table, chain by chain: of a filter of thousands of rules in a hundred chains the whole may
 * be too much for diagrams, when each chain is not.
 *
 * Why it is right: let each chain that was changed do the same as before, whatever the chains that it jumps
 * to do. Then the whole does the same: by induction from the chains that jump to none. What a chain does is
 * what becomes of a packet in it: it ends there (how), or comes back to the caller, and what was done on the
 * way, in order.
 *
 * "Whatever the chains that it jumps to do": a jump to chain N is compared as `-j LOG --log-prefix "weir#N"`
 * (and a goto with `-j RETURN` behind it), as if all packets came back. If those have done the same on both
 * sides, in the same order, then so have those that end in the first chain they come to, or in the second:
 * what they did up to there is the beginning of it. "Comes back to the caller" is compared by a LOG behind
 * the jump to the chain itself.
 *
 * A match with a memory (limit, recent) is an event, too, for each packet that comes to its rule: others may
 * hang on what it remembers.
 *
 * A chain might also change what a match behind the jump looks at (marks, sets, tracking): tables in which
 * such changes occur are left to the comparison of the whole. */
#include "rewrite/prove.h"

#include "read/load.h"
#include "rewrite/plan.h"
#include "ruleset/rule_parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct piece {
	const struct table *input;      /* whose chains are taken for unknown */
	const struct ruleset *sides[2]; /* before and after */
	const struct chain *chain;      /* of the input */
	enum hook hook;
};

static const struct chain *find_chain(const struct ruleset *ruleset, const struct table *like,
				      struct text name)
{
	return table_find_chain(&ruleset->tables[like->family][like->id], name);
}

/* Marks, tracking, sets that rules fill. */
static bool table_may_change(const struct ruleset *ruleset, const struct table *table)
{
	if (table->changes)
		return true;
	for (size_t i = 0; i < ruleset->set_count; i++)
		if (ruleset->sets[i]->changing)
			return true;
	for (size_t i = 0; i < table->chain_count; i++) {
		for (size_t k = 0; k < table->chains[i]->rule_count; k++) {
			const struct target *target = &table->chains[i]->rules[k].target;
			if (target->type->kind == TARGET_NOTRACK || target->type->kind == TARGET_REWRITE ||
			    target->type->kind == TARGET_OPAQUE || !target->type->modelled)
				return true;
		}
	}
	return false;
}

/* --- A part as text
 * ----------------------------------------------------------------------------------------------- */

static void print_unknown(const struct rule *rule, const struct chain *callee, struct buffer *out)
{
	struct buffer text = {0};
	struct rule bare = *rule;

	bare.target = (struct target){.type = &target_none};
	rule_print(&bare, false, &text);
	out->failed |= text.failed;
	const char *line = text.data ? text.data : "";
	buffer_printf(out, "%s -j LOG --log-prefix \"weir#%u\"\n", line, callee->order);
	if (rule->target.is_goto)
		buffer_printf(out, "%s -j RETURN\n", line);
	buffer_fini(&text);
}

/* A match with a memory must have been asked for the same packets in the same order, though in this chain
 * nothing hangs on what it says: that a packet comes to it is an event. Rules of the same text have the same.
 */
static void print_asked(const struct rule *rule, struct buffer *out)
{
	struct buffer text = {0};
	struct rule bare = *rule;
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	rule_print(rule, true, &text);
	for (size_t i = 0; i < text.size; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001b3u;
	bare.match_count = 0;
	bare.target = (struct target){.type = &target_none};
	rule_print(&bare, false, out);
	buffer_printf(out, " -j LOG --log-prefix \"weir!%016llx\"\n", (unsigned long long)hash);
	out->failed |= text.failed;
	buffer_fini(&text);
}

static void print_chain(const struct piece *piece, const struct chain *chain, struct buffer *out)
{
	for (size_t i = 0; i < chain->rule_count; i++) {
		const struct rule *rule = &chain->rules[i];
		const struct chain *callee =
		    rule->target.chain ? table_find_chain(piece->input, rule->target.chain->name) : NULL;
		if (rule_remembers(rule))
			print_asked(rule, out);
		if (callee) {
			print_unknown(rule, callee, out);
			continue;
		}
		rule_print(rule, false, out);
		buffer_puts(out, "\n");
	}
}

static void declare_chain(const struct chain *chain, struct buffer *out)
{
	buffer_puts(out, ":");
	buffer_add(out, chain->name.data, chain->name.size);
	buffer_printf(out, " %s [0:0]\n",
		      !chain->builtin                ? "-"
		      : chain->policy == POLICY_DROP ? "DROP"
						     : "ACCEPT");
}

/* Chains that the input has not: they belong to the one that jumps to them. */
static bool is_made(const struct piece *piece, const struct chain *chain)
{
	return !chain->builtin && !table_find_chain(piece->input, chain->name);
}

static void print_part(const struct piece *piece, const struct ruleset *side, struct buffer *out)
{
	const struct table *table = &side->tables[piece->input->family][piece->input->id];
	const struct chain *chain = table_find_chain(table, piece->chain->name);

	if (!chain)
		return;
	buffer_printf(out, "%s for %s-restore\n*%s\n", rewrite_mark,
		      table->family == FAMILY_IPV4 ? "iptables" : "ip6tables", table_names[table->id]);
	if (!chain->builtin)
		buffer_printf(out, ":%s ACCEPT [0:0]\n", hook_names[piece->hook]);
	declare_chain(chain, out);
	for (size_t i = 0; i < table->chain_count; i++)
		if (is_made(piece, table->chains[i]))
			declare_chain(table->chains[i], out);
	print_chain(piece, chain, out);
	for (size_t i = 0; i < table->chain_count; i++)
		if (is_made(piece, table->chains[i]))
			print_chain(piece, table->chains[i], out);
	if (!chain->builtin) {
		buffer_printf(out, "-A %s -j ", hook_names[piece->hook]);
		buffer_add(out, chain->name.data, chain->name.size);
		buffer_printf(out, "\n-A %s -j LOG --log-prefix \"weir#back\"\n", hook_names[piece->hook]);
	}
	buffer_puts(out, "COMMIT\n");
}

static bool mentions(const struct buffer *text, struct text name)
{
	return text->size && memmem(text->data, text->size, name.data, name.size);
}

/* The sets that the rules name; lists name others. */
static int print_sets(const struct ruleset *ruleset, const struct buffer *rules, struct buffer *out)
{
	bool *printed = calloc(ruleset->set_count + 1, sizeof(*printed));

	if (!printed)
		return -ENOMEM;
	for (int lists = 1; lists >= 0; lists--) {
		struct buffer of_kind = {0};
		for (size_t i = 0; i < ruleset->set_count; i++) {
			const struct set *set = ruleset->sets[i];
			if ((set->type == SET_LIST) != lists || printed[i] ||
			    (!mentions(rules, set->name) && !mentions(out, set->name)))
				continue;
			printed[i] = true;
			ruleset_print_set(set, &of_kind);
		}
		/* What a list holds comes before it. */
		struct buffer both = {0};
		if (of_kind.size)
			buffer_add(&both, of_kind.data, of_kind.size);
		if (out->size)
			buffer_add(&both, out->data, out->size);
		both.failed |= of_kind.failed || out->failed;
		buffer_fini(&of_kind);
		buffer_fini(out);
		*out = both;
	}
	free(printed);
	return 0;
}

static int read_part(const struct piece *piece, const struct ruleset *side, struct diagnostics *sink,
		     struct ruleset **ruleset)
{
	struct buffer rules = {0}, sets = {0};

	print_part(piece, side, &rules);
	int error = print_sets(side, &rules, &sets);
	const struct rules_text texts[2] = {{"a chain as written", {rules.data, rules.size}},
					    {"its sets as written", {sets.data, sets.size}}};
	if (!error)
		error = rules.failed || sets.failed
			    ? -ENOMEM
			    : rules_load_texts(texts, sets.size ? 2 : 1, sink, ruleset);
	buffer_fini(&rules);
	buffer_fini(&sets);
	return error;
}

/* --- The proof
 * ---------------------------------------------------------------------------------------------------- */

static bool rows_equal(const struct chain *a, const struct chain *b)
{
	bool equal = a->rule_count == b->rule_count && a->policy == b->policy;

	for (size_t i = 0; i < a->rule_count && equal; i++) {
		struct buffer left = {0}, right = {0};
		rule_print(&a->rules[i], false, &left);
		rule_print(&b->rules[i], false, &right);
		equal =
		    !left.failed && !right.failed &&
		    text_equal((struct text){left.data, left.size}, (struct text){right.data, right.size});
		buffer_fini(&left);
		buffer_fini(&right);
	}
	return equal;
}

static int prove_chain(const struct piece *piece, const struct difference_options *options, bool *proven)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct ruleset *before __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct ruleset *after __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct difference *difference __attribute__((cleanup(difference_cleanup))) = NULL;

	struct difference_options strict = *options;

	strict.effects = true;
	int error = sink ? read_part(piece, piece->sides[0], sink, &before) : -ENOMEM;
	if (!error)
		error = read_part(piece, piece->sides[1], sink, &after);
	if (!error)
		error = difference_compute(before, after, &strict, &difference);
	*proven = !error && difference->answer == DIFFERENCE_NONE;
	return error == -EINVAL ? 0 : error; /* what cannot be read is not proven */
}

static enum hook some_hook(const struct chain *chain)
{
	for (int hook = 0; hook < HOOK_COUNT; hook++)
		if (chain->reached >> hook & 1)
			return (enum hook)hook;
	return HOOK_INPUT;
}

int parts_prove(const struct ruleset *input, const struct ruleset *after, const struct table *table,
		const struct difference_options *options, bool *proven)
{
	*proven = false;
	if (!table_has_chains(table) || table_may_change(input, table))
		return 0;
	*proven = true;
	for (size_t i = 0; i < table->chain_count && *proven; i++) {
		const struct chain *chain = table->chains[i];
		const struct chain *written = find_chain(after, table, chain->name);
		if (!chain->reached)
			continue;
		if (!written) {
			*proven = false;
			break;
		}
		if (rows_equal(chain, written))
			continue;
		struct piece piece = {.input = table,
				      .sides = {input, after},
				      .chain = chain,
				      .hook = chain->builtin ? chain->hook : some_hook(chain)};
		int error = prove_chain(&piece, options, proven);
		if (error)
			return error;
	}
	return 0;
}
