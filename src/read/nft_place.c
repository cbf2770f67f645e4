/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Base chains of nftables at the places that iptables' tables have.
 *
 * At a hook, what comes first is decided by priorities, relative to each other and to what the kernel has
 * there itself: fragments are put together at -400, connections looked up at -200, addresses changed at -100
 * (destination) and 100 (source). Chains of type nat are run by the last of these, whatever priority they
 * have: it orders them among themselves (nf_nat_register_fn()). Of the tables that lie between the same of
 * these, a chain comes to the one with the nearest priority; where several come to one, accepting in the one
 * goes on with the next. */
#include "read/nft_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEFRAGMENTATION (-400)
#define CONNECTIONS (-200)

static bool is_nat(const struct nft_chain *chain)
{
	return strcmp(chain->type, "nat") == 0;
}

static int64_t nat_priority(enum hook hook)
{
	return hook == HOOK_PREROUTING || hook == HOOK_OUTPUT ? -100 : 100;
}

static int64_t table_priority(enum table_id table)
{
	static const int priorities[TABLE_COUNT] = {
	    [TABLE_RAW] = -300, [TABLE_MANGLE] = -150, [TABLE_FILTER] = 0, [TABLE_SECURITY] = 50};

	return priorities[table];
}

static bool any_nat(const struct nft_reader *reader, enum family family, enum hook hook)
{
	for (size_t i = 0; i < reader->chain_count; i++) {
		const struct nft_chain *chain = reader->chains[i];
		if (chain->base && is_nat(chain) && chain->hook == hook &&
		    listing_table_has(chain->table, family))
			return true;
	}
	return false;
}

static void not_placed(struct nft_reader *reader, const struct nft_chain *chain, const char *why)
{
	listing_error(
	    reader, "nft-no-place",
	    "weir knows the places of iptables' tables: raw -300, mangle -150, nat -100 and 100, filter 0, "
	    "security 50",
	    "chain %s of table %s, handle %" PRId64 ": at priority %" PRId64 " of %s %s", chain->name,
	    chain->table->name, chain->handle, chain->priority, hook_names[chain->hook], why);
}

/* Whether that table lies between the same of the kernel's own as the chain. */
static bool lies_beside(const struct nft_chain *chain, enum table_id table, bool nat)
{
	int64_t at = chain->priority, there = table_priority(table), change = nat_priority(chain->hook);
	bool looks_up = chain->hook == HOOK_PREROUTING || chain->hook == HOOK_OUTPUT;

	if (!table_has_hook(table, chain->hook) || table == TABLE_NAT)
		return false;
	/* The table security has fewer targets: only what is as late as it goes there. */
	if (table == TABLE_SECURITY && at < there)
		return false;
	if (looks_up && (at < CONNECTIONS) != (there < CONNECTIONS))
		return false;
	return !nat || (at < change) == (there < change);
}

static bool place(struct nft_reader *reader, enum family family, const struct nft_chain *chain,
		  enum table_id *table)
{
	bool nat = any_nat(reader, family, chain->hook), found = false;
	bool looks_up = chain->hook == HOOK_PREROUTING || chain->hook == HOOK_OUTPUT;

	if (is_nat(chain)) {
		*table = TABLE_NAT;
		if (chain->hook == HOOK_FORWARD)
			not_placed(reader, chain, "there is no NAT");
		return chain->hook != HOOK_FORWARD;
	}
	if (looks_up && reader->conntrack[family] && chain->priority <= DEFRAGMENTATION) {
		not_placed(reader, chain,
			   "fragments are not put together yet, which no table of iptables sees");
		return false;
	}
	if ((looks_up && chain->priority == CONNECTIONS) ||
	    (nat && chain->priority == nat_priority(chain->hook))) {
		not_placed(reader, chain, "it is not known which of this and the kernel's own comes first");
		return false;
	}
	for (int id = 0; id < TABLE_COUNT; id++) {
		int64_t distance = llabs(chain->priority - table_priority((enum table_id)id));
		if (lies_beside(chain, (enum table_id)id, nat) &&
		    (!found || distance < llabs(chain->priority - table_priority(*table)))) {
			*table = (enum table_id)id;
			found = true;
		}
	}
	if (!found)
		not_placed(reader, chain,
			   "no table of iptables lies there, before or behind the same changes of addresses");
	return found;
}

/* --- Several at one place */

struct placed {
	struct nft_chain *chain;
	enum table_id table;
};

/* Of one priority the one that was added last comes first: nf_hook_entries_grow(). */
static int compare_placed(const void *left, const void *right)
{
	const struct placed *a = left, *b = right;

	if (a->chain->hook != b->chain->hook)
		return a->chain->hook < b->chain->hook ? -1 : 1;
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->chain->priority != b->chain->priority)
		return a->chain->priority < b->chain->priority ? -1 : 1;
	if (a->chain->table != b->chain->table && a->chain->table->handle != b->chain->table->handle)
		return a->chain->table->handle > b->chain->table->handle ? -1 : 1;
	if (a->chain->handle != b->chain->handle)
		return a->chain->handle > b->chain->handle ? -1 : 1;
	return (a->chain->number < b->chain->number) - (a->chain->number > b->chain->number);
}

static void warn_same(struct nft_reader *reader, const struct nft_chain *a, const struct nft_chain *b)
{
	if (a->priority != b->priority || a->table == b->table)
		return;
	diagnostic_hint(
	    diagnostic_add(reader->sink, SEVERITY_WARNING, "nft-same-priority", reader->nowhere,
			   "chains %s of table %s and %s of table %s have one priority, %" PRId64
			   " of %s: which comes first hangs on when they were added; taken in this order",
			   a->name, a->table->name, b->name, b->table->name, a->priority,
			   hook_names[a->hook]),
	    "priorities that differ say it");
}

/* The first rule sends later fragments of IPv6 away: frag frag-off != 0 goto CHAIN. */
static struct nft_chain *late_chain(struct nft_reader *reader, const struct nft_chain *chain)
{
	struct json_object *expressions = chain->rule_count ? listing_get(chain->rules[0], "expr") : NULL;
	struct nft_left left;
	struct address_range range;

	if (!json_object_is_type(expressions, json_type_array) || json_object_array_length(expressions) != 2)
		return NULL;
	struct json_object *match = listing_get(json_object_array_get_idx(expressions, 0), "match");
	struct json_object *jump = listing_get(json_object_array_get_idx(expressions, 1), "goto");
	const char *op = listing_string(listing_get(match, "op"));
	listing_left(listing_get(match, "left"), &left);
	if (left.key != NFT_FRAGMENT || left.families != 1u << FAMILY_IPV6 || left.mask != 0x1fff || !op ||
	    strcmp(op, "!=") != 0 || !listing_value_range(&left, listing_get(match, "right"), &range) ||
	    range.low || range.high)
		return NULL;
	struct nft_chain *found =
	    listing_find_chain(reader, chain->table, listing_string(listing_get(jump, "target")));
	return found && !found->base ? found : NULL;
}

static void send_late(struct nft_reader *reader, struct nft_copy *copy)
{
	struct nft_chain *chain = copy->family == FAMILY_IPV6 ? late_chain(reader, copy->chain) : NULL;

	if (!chain)
		return;
	struct nft_copy like = *copy;
	like.late = true;
	copy->for_late = listing_copy_of(reader, chain, &like, copy->ends);
	copy->no_late = true;
	copy->guard =
	    listing_get(json_object_array_get_idx(listing_get(copy->chain->rules[0], "expr"), 0), "match");
}

/* Chains of one place, the last one first, as each goes on with the next. */
static void join(struct nft_reader *reader, enum family family, const struct placed *placed, size_t count)
{
	struct nft_copy *next = NULL;

	for (size_t i = count; i-- > 0 && !reader->failed;) {
		struct nft_copy *copy = listing_copy_base(reader, placed[i].chain, family, placed[i].table,
							  i == 0, next, count == 1);
		if (!copy)
			return;
		send_late(reader, copy);
		next = copy;
		if (i + 1 < count)
			warn_same(reader, placed[i].chain, placed[i + 1].chain);
	}
}

static void translate(struct nft_reader *reader, struct nft_copy *copy)
{
	size_t first = copy->for_late ? 1 : 0;

	for (size_t i = first; copy->chain && i < copy->chain->rule_count && !reader->failed; i++)
		listing_rule_translate(reader, copy, copy->chain->rules[i]);
}

/* --- Later fragments of IPv6, where the rules send them to chains of their own */

struct pair {
	struct nft_copy *all, *late;
};

/* Lines that ask for no more than IP's header, which later fragments meet as all others do. */
static size_t next_line(const struct nft_copy *copy, size_t at)
{
	while (at < copy->line_count && copy->lines[at].transport)
		at++;
	return at;
}

static bool same_line(const struct nft_line *a, const struct nft_line *b)
{
	return strcmp(a->late ? a->late : a->options, b->options) == 0 && strcmp(a->target, b->target) == 0 &&
	       !a->jump == !b->jump && a->is_goto == b->is_goto;
}

/* Whether the chains for later fragments say what the others do without the rules that look behind IP's
 * header: which is what those rules are in iptables. */
static bool same_but_transport(struct nft_reader *reader, struct nft_copy *all, struct nft_copy *late)
{
	size_t max = reader->copy_count[FAMILY_IPV6] + 1, done = 0, count = 0;
	struct pair *pairs = arena_array(reader->arena, max, sizeof(*pairs));
	bool same = pairs;

	if (!pairs)
		reader->failed = true;
	else
		pairs[count++] = (struct pair){all, late};
	for (; done < count && same; done++) {
		struct nft_copy *a = pairs[done].all, *b = pairs[done].late;
		size_t k = 0, i = next_line(a, 0);
		for (; same && i < a->line_count; i = next_line(a, i + 1), k++) {
			same = k < b->line_count && same_line(&a->lines[i], &b->lines[k]);
			struct nft_copy *to = same ? a->lines[i].jump : NULL,
					*other = to ? b->lines[k].jump : NULL;
			if (!to || to->twin == other)
				continue;
			same = !to->twin && count < max && to->closes == other->closes;
			to->twin = other;
			if (same)
				pairs[count++] = (struct pair){to, other};
		}
		same = same && k == b->line_count;
	}
	for (size_t i = 0; i < count; i++) {
		pairs[i].all->twin = NULL;
		if (!same)
			continue;
		struct nft_copy *a = pairs[i].all, *b = pairs[i].late;
		b->hidden = true;
		for (size_t from = next_line(a, 0), k = 0; k < b->line_count;
		     from = next_line(a, from + 1), k++) {
			a->lines[from].packets += b->lines[k].packets;
			a->lines[from].bytes += b->lines[k].bytes;
		}
	}
	return same;
}

static void settle_late(struct nft_reader *reader, struct nft_copy *copy)
{
	struct buffer options = {0};

	if (same_but_transport(reader, copy, copy->for_late))
		return;
	buffer_puts(&options, " -m nft --expression ");
	listing_opaque(reader, copy->guard, "", &options);
	listing_line_add(reader, copy,
			 (struct nft_line){.options = arena_copy(
					       reader->arena, options.data ? options.data : "", options.size),
					   .target = arena_copy(reader->arena, "", 0),
					   .jump = copy->for_late,
					   .is_goto = true});
	/* It stands first. */
	if (!reader->failed && copy->line_count) {
		struct nft_line line = copy->lines[copy->line_count - 1];
		memmove(copy->lines + 1, copy->lines, (copy->line_count - 1) * sizeof(line));
		copy->lines[0] = line;
	}
	reader->failed |= options.failed;
	buffer_fini(&options);
}

/* Chains that nothing calls, of tables whose name theirs begins with. */
static void add_uncalled(struct nft_reader *reader, enum family family)
{
	for (size_t i = 0; i < reader->chain_count && !reader->failed; i++) {
		struct nft_chain *chain = reader->chains[i];
		if (chain->base || chain->hooks[family] || !listing_table_has(chain->table, family))
			continue;
		for (int table = 0; table < TABLE_COUNT; table++) {
			size_t size = strlen(table_names[table]);
			struct nft_copy like = {.family = family, .table = (enum table_id)table};
			if (strncmp(chain->name, table_names[table], size) == 0 && chain->name[size] == '-')
				listing_copy_of(reader, chain, &like, false);
		}
	}
}

/* What is said already from one place may be called from another, where it is not. */
static void show_called(struct nft_reader *reader, enum family family)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < reader->copy_count[family]; i++) {
			const struct nft_copy *copy = reader->copies[family][i];
			for (size_t k = 0; !copy->hidden && k < copy->line_count; k++) {
				struct nft_copy *to = copy->lines[k].jump;
				again |= to && to->hidden;
				if (to)
					to->hidden = false;
			}
		}
	}
}

int listing_place(struct nft_reader *reader, enum family family)
{
	struct placed *placed = arena_array(reader->arena, reader->chain_count + 1, sizeof(*placed));
	size_t count = 0;

	if (!placed)
		return -ENOMEM;
	for (size_t i = 0; i < reader->chain_count; i++) {
		struct nft_chain *chain = reader->chains[i];
		if (chain->base && listing_table_has(chain->table, family) &&
		    place(reader, family, chain, &placed[count].table))
			placed[count++].chain = chain;
	}
	qsort(placed, count, sizeof(*placed), compare_placed);
	for (size_t i = 0, next; i < count; i = next) {
		for (next = i + 1; next < count && placed[next].chain->hook == placed[i].chain->hook &&
				   placed[next].table == placed[i].table;)
			next++;
		join(reader, family, placed + i, next - i);
	}
	add_uncalled(reader, family);
	/* Translating one finds others. */
	for (size_t i = 0; i < reader->copy_count[family] && !reader->failed; i++)
		translate(reader, reader->copies[family][i]);
	for (size_t i = 0; i < reader->copy_count[family] && !reader->failed; i++)
		listing_lines_join(reader, reader->copies[family][i]);
	for (size_t i = 0; i < reader->copy_count[family] && !reader->failed; i++)
		if (reader->copies[family][i]->for_late)
			settle_late(reader, reader->copies[family][i]);
	show_called(reader, family);
	return reader->failed ? -ENOMEM : 0;
}
