/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What many rules in a row ask alike (an interface, an address, a protocol) is asked once, in front of a
 * chain of its own that holds them.
 *
 * Why it is right: a packet that the question excludes matches none of them, and goes on behind them, as
 * before; one that it does not meets them in the same order, and at the end of the chain it comes back to
 * where it would have gone on. RETURN and goto mean another thing in a chain of its own, so rules with them
 * end a row, as do those that keep their place. What is asked in front is left out of the rules, but for the
 * protocol, which other parts of a rule need: no packet changes its addresses or interfaces on the way.
 *
 * It pays for packets that the question excludes: one rule in place of all; others walk one more. As nobody
 * knows how many there are of each, it is done where it saves at least 15. */
#include "rewrite/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_MIN 16
#define PREFIX_LEVELS 2
/* iptables-nft's kernel follows 16 jumps (NFT_JUMP_STACK_SIZE). */
#define JUMPS_MAX 14

static unsigned parts_asked(const struct entry *entry)
{
	if (entry->kind == ENTRY_JUMP)
		return 0;
	const struct rule *rule = entry->rules[0];
	unsigned parts = 0;
	if (rule->source.mask || rule->source.inverted)
		parts |= PART_SOURCE;
	if (rule->destination.mask || rule->destination.inverted)
		parts |= PART_DESTINATION;
	if (rule->in.name[0] || rule->in.inverted)
		parts |= PART_IN;
	if (rule->out.name[0] || rule->out.inverted)
		parts |= PART_OUT;
	if (rule->protocol)
		parts |= PART_PROTOCOL;
	return parts & ~entry->asked & ~entry_key_parts(entry);
}

static bool same_address(const struct address_match *a, const struct address_match *b)
{
	return a->value == b->value && a->mask == b->mask && a->inverted == b->inverted;
}

static bool same_interface(const struct interface_match *a, const struct interface_match *b)
{
	return strcmp(a->name, b->name) == 0 && a->wildcard == b->wildcard && a->inverted == b->inverted;
}

static unsigned parts_alike(const struct entry *left, const struct entry *right)
{
	unsigned parts = parts_asked(left) & parts_asked(right);

	if (!parts)
		return 0;
	const struct rule *a = left->rules[0], *b = right->rules[0];
	if (!same_address(&a->source, &b->source))
		parts &= ~(unsigned)PART_SOURCE;
	if (!same_address(&a->destination, &b->destination))
		parts &= ~(unsigned)PART_DESTINATION;
	if (!same_interface(&a->in, &b->in))
		parts &= ~(unsigned)PART_IN;
	if (!same_interface(&a->out, &b->out))
		parts &= ~(unsigned)PART_OUT;
	if (a->protocol != b->protocol || a->protocol_inverted != b->protocol_inverted)
		parts &= ~(unsigned)PART_PROTOCOL;
	return parts;
}

static bool entry_fits(struct rewrite *rewrite, const struct entry *entry)
{
	if (entry->kind == ENTRY_JUMP)
		return false;
	const struct rule *rule = entry->rules[0];
	return !(facts_of(rewrite, rule)->traits & TRAIT_LOUD) && rule->target.type->kind != TARGET_RETURN &&
	       !rule->target.is_goto;
}

struct row {
	size_t begin, end;
	unsigned parts; /* alike in all of it */
};

/* The longest row with this part alike. */
static struct row longest_row(struct rewrite *rewrite, const struct plan_chain *chain, unsigned part)
{
	struct row best = {0, 0, 0};

	for (size_t i = 0; i < chain->count;) {
		size_t end = i + 1;
		const struct entry *first = chain->entries[i];
		if (!entry_fits(rewrite, first) || !(parts_asked(first) & part)) {
			i = end;
			continue;
		}
		unsigned parts = parts_asked(first);
		while (end < chain->count && entry_fits(rewrite, chain->entries[end]) &&
		       parts_alike(first, chain->entries[end]) & part)
			parts &= parts_alike(first, chain->entries[end++]);
		if (end - i > best.end - best.begin)
			best = (struct row){i, end, parts};
		i = end;
	}
	return best;
}

static bool name_taken(const struct rewrite *rewrite, const struct table *table, struct text name)
{
	for (size_t i = 0; i < rewrite->chain_count; i++)
		if (rewrite->chains[i]->table == table && text_equal(rewrite->chains[i]->name, name))
			return true;
	return false;
}

/* weir-CHAIN-NUMBER, at most 28 bytes (XT_EXTENSION_MAXNAMELEN - 1). */
static int name_chain(struct rewrite *rewrite, struct plan_chain *caller, struct plan_chain *chain)
{
	struct plan_chain *own = caller;
	char name[48];

	while (!own->chain)
		own = own->caller;
	size_t size = own->name.size < 16 ? own->name.size : 16;
	do
		snprintf(name, sizeof(name), "weir-%.*s-%u", (int)size, own->name.data, ++own->made);
	while (name_taken(rewrite, caller->table, text_of(name)));
	const char *copy = arena_copy(rewrite->arena, name, strlen(name));
	if (!copy)
		return -ENOMEM;
	chain->name = text_of(copy);
	return 0;
}

static int lift(struct rewrite *rewrite, struct plan_chain *caller, struct row row)
{
	struct plan_chain *chain = arena_alloc(rewrite->arena, sizeof(*chain));
	struct entry *jump = plan_entry(rewrite, ENTRY_JUMP);

	if (!chain || !jump)
		return -ENOMEM;
	chain->table = caller->table;
	chain->caller = caller;
	chain->above = caller->above + 1;
	chain->count = row.end - row.begin;
	chain->entries = arena_array(rewrite->arena, chain->count, sizeof(struct entry *));
	int error = chain->entries ? name_chain(rewrite, caller, chain) : -ENOMEM;
	struct plan_chain **slot =
	    error ? NULL
		  : arena_push(rewrite->arena, (void **)&rewrite->chains, &rewrite->chain_count,
			       &rewrite->chain_capacity, sizeof(struct plan_chain *));
	if (!slot)
		return -ENOMEM;
	*slot = chain;
	chain->printed = (struct chain){.table = (struct table *)caller->table, .name = chain->name};
	jump->body = chain;
	jump->chain = caller;
	jump->shared = row.parts;
	for (size_t i = 0; i < chain->count; i++) {
		struct entry *entry = caller->entries[row.begin + i];
		chain->entries[i] = entry;
		entry->chain = chain;
		entry->shared |= row.parts & ~(unsigned)PART_PROTOCOL;
		entry->asked |= row.parts;
		jump->packets += entry->packets;
		jump->bytes += entry->bytes;
	}
	caller->entries[row.begin] = jump;
	memmove(caller->entries + row.begin + 1, caller->entries + row.end,
		(caller->count - row.end) * sizeof(struct entry *));
	caller->count -= row.end - row.begin - 1;
	return 0;
}

static unsigned jumps_below(const struct plan_chain *chain)
{
	while (!chain->chain)
		chain = chain->caller;
	return chain->chain->depth;
}

/* Each row that is found costs a look at the whole chain. */
static bool take_work(struct rewrite *rewrite, const struct plan_chain *chain)
{
	if (rewrite->work < 8 * (uint64_t)chain->count)
		return false;
	rewrite->work -= 8 * (uint64_t)chain->count;
	return true;
}

int step_prefix(struct rewrite *rewrite)
{
	static const unsigned parts[] = {PART_IN, PART_OUT, PART_DESTINATION, PART_SOURCE, PART_PROTOCOL};

	/* The chains that are made stand behind the others, and their turn comes, too. */
	for (size_t i = 0; i < rewrite->chain_count; i++) {
		struct plan_chain *chain = rewrite->chains[i];
		unsigned level = 0;
		for (const struct plan_chain *at = chain; !at->chain; at = at->caller)
			level++;
		while (level < PREFIX_LEVELS && take_work(rewrite, chain) &&
		       chain->above + jumps_below(chain) + 1 < JUMPS_MAX) {
			struct row best = {0, 0, 0};
			for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
				struct row row = longest_row(rewrite, chain, parts[k]);
				if (row.end - row.begin > best.end - best.begin)
					best = row;
			}
			/* Where all rules of a chain ask it, its callers mostly have. */
			bool all =
			    best.end - best.begin == chain->count && !(chain->chain && chain->chain->builtin);
			if (best.end - best.begin < PREFIX_MIN || all)
				break;
			int error = lift(rewrite, chain, best);
			if (error)
				return error;
		}
	}
	return 0;
}
