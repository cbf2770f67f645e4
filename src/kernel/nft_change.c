/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Finding what differs between two images.
 *
 * A chain's rules that stand at its begin and its end on both sides are left alone; those between are
 * replaced, each with the counts that the same rule had. Where a set or an object must be made anew, the
 * rules that stand on it must go first: all of the table are replaced then. */
#include "kernel/nft_change.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>

const char *const nft_change_kinds[] = {"table", "chain", "set", "object"};
const char *const nft_change_verbs[] = {"added", "changed", "removed"};

static const char *const family_names[FAMILY_COUNT] = {"ip", "ip6"};

struct finder {
	struct nft_changes *changes;
	enum family family;
	const struct nft_table *from, *to;
	bool anew; /* all rules of the table */
	bool look; /* members with a timeout may be gone */
	bool failed;
};

static struct nft_change *add(struct finder *finder, enum nft_change_kind kind, enum nft_change_verb verb,
			      const char *name)
{
	struct nft_changes *changes = finder->changes;
	struct nft_change *change = arena_push(changes->arena, (void **)&changes->list, &changes->count,
					       &changes->capacity, sizeof(*change));

	if (!change) {
		finder->failed = true;
		return NULL;
	}
	*change = (struct nft_change){.family = finder->family};
	change->kind = kind;
	change->verb = verb;
	change->name = name;
	return change;
}

static const struct nft_object *find_object(const struct nft_table *table, const char *name)
{
	for (size_t i = 0; i < table->object_count; i++)
		if (strcmp(table->objects[i].name, name) == 0)
			return &table->objects[i];
	return NULL;
}

/* --- Sets and objects */

static void count_members(const struct finder *finder, const struct nft_set *from, const struct nft_set *to,
			  size_t *added, size_t *removed)
{
	size_t i = 0, k = 0;

	while (i < from->count || k < to->count) {
		int order = i == from->count ? 1
			    : k == to->count ? -1
					     : nft_element_compare(&from->elements[i], &to->elements[k]);
		bool same = order == 0 && nft_element_same(&from->elements[i], &to->elements[k]);
		*removed += order <= 0 && !same;
		*added += order >= 0 && !same && !(finder->look && to->elements[k].timed);
		i += order <= 0;
		k += order >= 0;
	}
}

static void find_sets(struct finder *finder)
{
	for (size_t i = 0; i < finder->from->set_count; i++) {
		const struct nft_set *set = &finder->from->sets[i];
		if (set->anonymous || nft_image_set(finder->to, set->name))
			continue;
		struct nft_change *change = add(finder, NFT_CHANGE_SET, NFT_CHANGE_REMOVE, set->name);
		if (change) {
			change->old_set = set;
			change->removed = set->count;
		}
	}
	for (size_t i = 0; i < finder->to->set_count; i++) {
		const struct nft_set *set = &finder->to->sets[i];
		const struct nft_set *old = nft_image_set(finder->from, set->name);
		struct nft_change change = {.verb = old ? NFT_CHANGE_ALTER : NFT_CHANGE_ADD};

		if (set->anonymous)
			continue;
		change.anew = old && !text_equal(old->definition, set->definition);
		finder->anew |= change.anew;
		/* Those of a set that rules fill come and go by themselves. */
		if (old && !change.anew && set->flags & NFT_SET_EVAL)
			continue;
		if (old && !change.anew)
			count_members(finder, old, set, &change.added, &change.removed);
		else
			change.added = set->count;
		if (old && change.anew)
			change.removed = old->count;
		if (old && !change.anew && !change.added && !change.removed)
			continue;
		struct nft_change *kept = add(finder, NFT_CHANGE_SET, change.verb, set->name);
		if (kept) {
			kept->anew = change.anew;
			kept->added = change.added;
			kept->removed = change.removed;
			kept->old_set = old;
			kept->new_set = set;
		}
	}
}

static void find_objects(struct finder *finder)
{
	for (size_t i = 0; i < finder->from->object_count; i++)
		if (!find_object(finder->to, finder->from->objects[i].name)) {
			struct nft_change *change =
			    add(finder, NFT_CHANGE_OBJECT, NFT_CHANGE_REMOVE, finder->from->objects[i].name);
			if (change)
				change->new_object = &finder->from->objects[i];
		}
	for (size_t i = 0; i < finder->to->object_count; i++) {
		const struct nft_object *object = &finder->to->objects[i];
		const struct nft_object *old = find_object(finder->from, object->name);
		if (old && old->type == object->type && text_equal(old->definition, object->definition))
			continue;
		struct nft_change *change =
		    add(finder, NFT_CHANGE_OBJECT, old ? NFT_CHANGE_ALTER : NFT_CHANGE_ADD, object->name);
		if (change) {
			change->anew = old;
			change->new_object = object;
		}
		finder->anew |= old != NULL;
	}
}

/* --- Chains */

static void compare_rules(const struct finder *finder, const struct nft_chain *from,
			  const struct nft_chain *to, struct nft_change *change)
{
	size_t shorter = from->count < to->count ? from->count : to->count;

	if (!finder->anew && !change->anew) {
		while (change->head < shorter &&
		       text_equal(from->rules[change->head].same, to->rules[change->head].same))
			change->head++;
		while (change->tail < shorter - change->head &&
		       text_equal(from->rules[from->count - 1 - change->tail].same,
				  to->rules[to->count - 1 - change->tail].same))
			change->tail++;
	}
	change->removed = from->count - change->head - change->tail;
	change->added = to->count - change->head - change->tail;
}

static void find_chains(struct finder *finder)
{
	for (size_t i = 0; i < finder->from->chain_count; i++) {
		const struct nft_chain *chain = &finder->from->chains[i];
		if (nft_image_chain(finder->to, chain->name))
			continue;
		struct nft_change *change = add(finder, NFT_CHANGE_CHAIN, NFT_CHANGE_REMOVE, chain->name);
		if (change) {
			change->old_chain = chain;
			change->removed = chain->count;
		}
	}
	/* A chain that is made anew may be one that others jump to. */
	for (size_t i = 0; i < finder->to->chain_count; i++) {
		const struct nft_chain *chain = &finder->to->chains[i];
		const struct nft_chain *old = nft_image_chain(finder->from, chain->name);
		finder->anew |=
		    old && (old->base != chain->base || !text_equal(old->definition, chain->definition));
	}
	for (size_t i = 0; i < finder->to->chain_count; i++) {
		const struct nft_chain *chain = &finder->to->chains[i];
		const struct nft_chain *old = nft_image_chain(finder->from, chain->name);
		struct nft_change change = {.added = chain->count};

		if (old) {
			change.anew =
			    old->base != chain->base || !text_equal(old->definition, chain->definition);
			change.policy = !change.anew && chain->base && old->policy != chain->policy;
			compare_rules(finder, old, chain, &change);
			if (!change.anew && !change.policy && !change.added && !change.removed)
				continue;
		}
		struct nft_change *kept =
		    add(finder, NFT_CHANGE_CHAIN, old ? NFT_CHANGE_ALTER : NFT_CHANGE_ADD, chain->name);
		if (kept) {
			kept->anew = change.anew;
			kept->policy = change.policy;
			kept->added = change.added;
			kept->removed = change.removed;
			kept->head = change.head;
			kept->tail = change.tail;
			kept->old_chain = old;
			kept->new_chain = chain;
		}
	}
}

static void find_inside(struct finder *finder)
{
	finder->anew = false;
	find_sets(finder);
	find_objects(finder);
	find_chains(finder);
}

static void add_table(struct finder *finder, enum nft_change_verb verb, bool anew)
{
	struct nft_change *change = add(finder, NFT_CHANGE_TABLE, verb, NFT_TABLE);

	if (change) {
		change->anew = anew;
		change->flags = finder->to->flags;
	}
}

/* The kernel wakes a dormant table, or puts one to sleep, in place; but in one transaction with a base chain
 * that comes or goes it refuses (nf_tables_addchain(), __NFT_TABLE_F_UPDATE), or leaves a hook behind. Where
 * more than the flags is other, the table is made anew. */
static void find_flags(struct finder *finder)
{
	static const struct nft_table nothing;
	size_t before = finder->changes->count;

	find_inside(finder);
	if (finder->changes->count == before) {
		add_table(finder, NFT_CHANGE_ALTER, false);
		return;
	}
	finder->changes->count = before;
	add_table(finder, NFT_CHANGE_ALTER, true);
	finder->from = &nothing;
	find_inside(finder);
}

static void find_table(struct finder *finder)
{
	if (finder->from->present && !finder->to->present) {
		add_table(finder, NFT_CHANGE_REMOVE, false);
	} else if (finder->from->present && finder->from->flags != finder->to->flags) {
		find_flags(finder);
	} else if (finder->to->present) {
		if (!finder->from->present)
			add_table(finder, NFT_CHANGE_ADD, false);
		find_inside(finder);
	}
}

static int find(const struct nft_image *from, const struct nft_image *to, bool look,
		struct nft_changes **result)
{
	struct arena *arena = arena_new();
	struct nft_changes *changes = arena ? arena_alloc(arena, sizeof(*changes)) : NULL;
	struct finder finder = {.changes = changes, .look = look};

	if (!changes) {
		if (arena)
			arena_free(arena);
		return -ENOMEM;
	}
	changes->arena = arena;
	changes->to = to;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		finder.family = (enum family)family;
		finder.from = &from->tables[family];
		finder.to = &to->tables[family];
		find_table(&finder);
	}
	if (finder.failed) {
		arena_free(arena);
		return -ENOMEM;
	}
	*result = changes;
	return 0;
}

int nft_changes_find(const struct nft_image *from, const struct nft_image *to, struct nft_changes **changes)
{
	return find(from, to, false, changes);
}

int nft_changes_look(const struct nft_image *from, const struct nft_image *to, struct nft_changes **changes)
{
	return find(from, to, true, changes);
}

void nft_changes_free(struct nft_changes *changes)
{
	if (changes)
		arena_free(changes->arena);
}

static void print_count(const char **separator, size_t count, const char *thing, const char *what,
			struct buffer *out)
{
	if (!count)
		return;
	buffer_printf(out, "%s%zu %s%s %s", *separator, count, thing, count == 1 ? "" : "s", what);
	*separator = ", ";
}

void nft_change_print(const struct nft_change *change, struct buffer *out)
{
	const char *separator = ": ", *thing = change->kind == NFT_CHANGE_SET ? "member" : "rule";

	buffer_printf(out, "%s %s %s", nft_change_kinds[change->kind], family_names[change->family],
		      change->name);
	if (change->verb != NFT_CHANGE_ALTER)
		buffer_printf(out, " %s", nft_change_verbs[change->verb]);
	else if (change->anew)
		buffer_puts(out, " made anew");
	if (change->kind == NFT_CHANGE_TABLE && change->verb == NFT_CHANGE_ALTER)
		buffer_printf(out, "%s%s", separator,
			      change->flags & NFT_TABLE_F_DORMANT ? "dormant" : "no longer dormant");
	if (change->policy) {
		buffer_printf(out, "%spolicy %s", separator, change->new_chain->policy ? "accept" : "drop");
		separator = ", ";
	}
	print_count(&separator, change->added, thing, "added", out);
	print_count(&separator, change->removed, thing, "removed", out);
}
