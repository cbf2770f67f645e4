/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Changes as messages of one transaction, in an order that the kernel takes: what goes away first, what
 * refers to something behind it.
 *
 * Rules change at once, when the kernel turns to the next generation; a policy changes, and a chain leaves
 * its hook, as the kernel then goes through the messages (nf_tables_commit()): they stand in front. */
#include "kernel/netlink.h"
#include "kernel/nft_change.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>

#define NEST_MAX 60000 /* an attribute holds 65535 bytes: room for one more member */

struct putter {
	struct nft_batch *batch;
	const struct nft_image *to;
	uint32_t set_id;
	bool failed;
};

static void begin(struct nft_batch *batch, enum family family, unsigned type, unsigned flags)
{
	nft_batch_message(batch, family, type, flags);
	nft_put_string(batch, NFTA_TABLE_NAME, NFT_TABLE); /* the first attribute of all of them */
}

/* --- Members */

static void put_value(struct nft_batch *batch, unsigned type, struct text value)
{
	size_t nest = nft_nest_begin(batch, type);

	nft_put(batch, NFTA_DATA_VALUE, value.data, value.size);
	nft_nest_end(batch, nest);
}

static void put_counter(struct nft_batch *batch, unsigned type, uint64_t packets, uint64_t bytes)
{
	size_t expression = nft_nest_begin(batch, type), data;

	nft_put_string(batch, NFTA_EXPR_NAME, "counter");
	data = nft_nest_begin(batch, NFTA_EXPR_DATA);
	nft_put_u64(batch, NFTA_COUNTER_BYTES, bytes);
	nft_put_u64(batch, NFTA_COUNTER_PACKETS, packets);
	nft_nest_end(batch, data);
	nft_nest_end(batch, expression);
}

static void put_element(struct nft_batch *batch, const struct nft_set *set, const struct nft_element *element,
			bool remove)
{
	uint32_t flags = element->flags & ~(uint32_t)NFT_SET_ELEM_INTERVAL_END;
	size_t nest = nft_nest_begin(batch, NFTA_LIST_ELEM);

	if (element->key.size)
		put_value(batch, NFTA_SET_ELEM_KEY, element->key);
	if (element->end.size && !set->pairs)
		put_value(batch, NFTA_SET_ELEM_KEY_END, element->end);
	if (flags)
		nft_put_u32(batch, NFTA_SET_ELEM_FLAGS, flags);
	if (!remove) {
		if (element->rest.size)
			buffer_add(&batch->bytes, element->rest.data, element->rest.size);
		if (element->timeout)
			nft_put_u64(batch, NFTA_SET_ELEM_TIMEOUT, element->timeout);
		if (element->timed && element->expires)
			nft_put_u64(batch, NFTA_SET_ELEM_EXPIRATION, element->expires);
		if (element->counted && (element->packets || element->bytes))
			put_counter(batch, NFTA_SET_ELEM_EXPR, element->packets, element->bytes);
	}
	nft_nest_end(batch, nest);
	if (!set->pairs || !element->end.size)
		return;
	nest = nft_nest_begin(batch, NFTA_LIST_ELEM);
	put_value(batch, NFTA_SET_ELEM_KEY, element->end);
	nft_put_u32(batch, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	nft_nest_end(batch, nest);
}

/* Members in as many messages as they need. */
struct member_list {
	struct nft_batch *batch;
	enum family family;
	const struct nft_set *set;
	uint32_t set_id; /* of one made in the same transaction; 0: none */
	bool remove;
	size_t nest; /* 0: no message has begun */
};

static void list_end(struct member_list *list)
{
	if (list->nest)
		nft_nest_end(list->batch, list->nest);
	list->nest = 0;
}

static void anonymous_name(const struct nft_set *set, char name[NFT_NAME_MAXLEN])
{
	size_t size = strcspn(set->name, "0123456789");

	snprintf(name, NFT_NAME_MAXLEN, "%.*s%%d", (int)(size < 16 ? size : 16), set->name);
}

static void put_set_name(struct nft_batch *batch, unsigned type, const struct nft_set *set)
{
	char name[NFT_NAME_MAXLEN];

	if (set->anonymous)
		anonymous_name(set, name);
	nft_put_string(batch, type, set->anonymous ? name : set->name);
}

static void list_add(struct member_list *list, const struct nft_element *element)
{
	if (list->nest && nft_nest_size(list->batch, list->nest) > NEST_MAX)
		list_end(list);
	if (!list->nest) {
		begin(list->batch, list->family, list->remove ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
		      list->remove ? 0 : NLM_F_CREATE | NLM_F_EXCL);
		put_set_name(list->batch, NFTA_SET_ELEM_LIST_SET, list->set);
		if (list->set_id)
			nft_put_u32(list->batch, NFTA_SET_ELEM_LIST_SET_ID, list->set_id);
		list->nest = nft_nest_begin(list->batch, NFTA_SET_ELEM_LIST_ELEMENTS);
	}
	put_element(list->batch, list->set, element, list->remove);
}

void nft_put_elements(struct nft_batch *batch, enum family family, const struct nft_set *set, bool remove,
		      const struct nft_element *const *elements, size_t count)
{
	struct member_list list = {.batch = batch, .family = family, .set = set, .remove = remove};

	for (size_t i = 0; i < count; i++)
		list_add(&list, elements[i]);
	list_end(&list);
}

void nft_put_flush(struct nft_batch *batch, enum family family, const struct nft_set *set)
{
	begin(batch, family, NFT_MSG_DELSETELEM, 0);
	put_set_name(batch, NFTA_SET_ELEM_LIST_SET, set);
}

/* Both sides are sorted. A member of which only the comment changes keeps its counts. */
static void put_members(struct putter *putter, const struct nft_change *change, bool remove)
{
	const struct nft_set *from = change->old_set, *to = change->new_set;
	struct member_list list = {
	    .batch = putter->batch, .family = change->family, .set = to, .remove = remove};
	size_t i = 0, k = 0;

	while (i < from->count || k < to->count) {
		int order = i == from->count ? 1
			    : k == to->count ? -1
					     : nft_element_compare(&from->elements[i], &to->elements[k]);
		bool same = order == 0 && nft_element_same(&from->elements[i], &to->elements[k]);
		if (remove && order <= 0 && !same)
			list_add(&list, &from->elements[i]);
		if (!remove && order >= 0 && !same) {
			struct nft_element element = to->elements[k];
			if (order == 0 && from->elements[i].counted) {
				element.counted = true;
				element.packets = from->elements[i].packets;
				element.bytes = from->elements[i].bytes;
			}
			list_add(&list, &element);
		}
		i += order <= 0;
		k += order >= 0;
	}
	list_end(&list);
}

static uint32_t put_new_set(struct putter *putter, enum family family, const struct nft_set *set)
{
	struct member_list list = {
	    .batch = putter->batch, .family = family, .set = set, .set_id = ++putter->set_id};

	begin(putter->batch, family, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	put_set_name(putter->batch, NFTA_SET_NAME, set);
	nft_put_u32(putter->batch, NFTA_SET_ID, list.set_id);
	buffer_add(&putter->batch->bytes, set->definition.data, set->definition.size);
	for (size_t i = 0; i < set->count; i++)
		list_add(&list, &set->elements[i]);
	list_end(&list);
	return list.set_id;
}

/* --- Rules */

#define ANONYMOUS_MAX                                                                                        \
	64 /* sets of one rule: an expression has one, and there are NFT_RULE_MAXEXPRS of them */

struct rule_sets {
	size_t count;
	uint32_t ids[ANONYMOUS_MAX];
};

static const struct nft_set *anonymous_set(const struct putter *putter, enum family family,
					   const struct nlattr *const expression[])
{
	const struct nlattr *values[NFTA_LOOKUP_MAX + 1];
	char name[NFT_NAME_MAXLEN];

	netlink_string(expression[NFTA_EXPR_NAME], name, sizeof(name));
	if (strcmp(name, "lookup") != 0)
		return NULL;
	netlink_nested(expression[NFTA_EXPR_DATA], values, NFTA_LOOKUP_MAX);
	netlink_string(values[NFTA_LOOKUP_SET], name, sizeof(name));
	const struct nft_set *set = nft_image_set(&putter->to->tables[family], name);
	return set && set->anonymous ? set : NULL;
}

static void put_rule_sets(struct putter *putter, enum family family, const struct nft_rule_image *rule,
			  struct rule_sets *sets)
{
	const struct nlattr *nest, *expression[NFTA_EXPR_MAX + 1];

	if (!rule->expressions)
		return;
	mnl_attr_for_each_nested(nest, rule->expressions)
	{
		netlink_nested(nest, expression, NFTA_EXPR_MAX);
		const struct nft_set *set = anonymous_set(putter, family, expression);
		if (!set)
			continue;
		if (sets->count == ANONYMOUS_MAX)
			putter->failed = true;
		else
			sets->ids[sets->count++] = put_new_set(putter, family, set);
	}
}

static void put_lookup(struct putter *putter, const struct nft_set *set, uint32_t id,
		       const struct nlattr *const expression[])
{
	const struct nlattr *values[NFTA_LOOKUP_MAX + 1];
	size_t nest = nft_nest_begin(putter->batch, NFTA_LIST_ELEM), data;

	netlink_nested(expression[NFTA_EXPR_DATA], values, NFTA_LOOKUP_MAX);
	nft_put_copy(putter->batch, expression[NFTA_EXPR_NAME]);
	data = nft_nest_begin(putter->batch, NFTA_EXPR_DATA);
	put_set_name(putter->batch, NFTA_LOOKUP_SET, set);
	nft_put_u32(putter->batch, NFTA_LOOKUP_SET_ID, id);
	for (unsigned type = 1; type <= NFTA_LOOKUP_MAX; type++)
		if (values[type] && type != NFTA_LOOKUP_SET && type != NFTA_LOOKUP_SET_ID)
			nft_put_copy(putter->batch, values[type]);
	nft_nest_end(putter->batch, data);
	nft_nest_end(putter->batch, nest);
}

/* A rule that fills a set: the kernel tells a time of 0 for members that stay, and takes none for a set whose
 * members have none (nft_dynset_init()). */
static void put_dynset(struct putter *putter, const struct nlattr *const expression[])
{
	size_t nest = nft_nest_begin(putter->batch, NFTA_LIST_ELEM), data;
	const struct nlattr *attribute;

	nft_put_copy(putter->batch, expression[NFTA_EXPR_NAME]);
	data = nft_nest_begin(putter->batch, NFTA_EXPR_DATA);
	mnl_attr_for_each_nested(attribute, expression[NFTA_EXPR_DATA])
	{
		static const char never[8];
		bool time = mnl_attr_get_type(attribute) == NFTA_DYNSET_TIMEOUT;
		if (time && mnl_attr_get_payload_len(attribute) == sizeof(never) &&
		    memcmp(mnl_attr_get_payload(attribute), never, sizeof(never)) == 0)
			continue;
		nft_put_copy(putter->batch, attribute);
	}
	nft_nest_end(putter->batch, data);
	nft_nest_end(putter->batch, nest);
}

static void put_expressions(struct putter *putter, enum family family, const struct nft_rule_image *rule,
			    const struct nft_rule_image *counts, const struct rule_sets *sets)
{
	const struct nlattr *nest, *expression[NFTA_EXPR_MAX + 1];
	bool counted = false;
	size_t used = 0;

	mnl_attr_for_each_nested(nest, rule->expressions)
	{
		char name[NFT_NAME_MAXLEN];
		netlink_nested(nest, expression, NFTA_EXPR_MAX);
		netlink_string(expression[NFTA_EXPR_NAME], name, sizeof(name));
		const struct nft_set *set = anonymous_set(putter, family, expression);
		if (set && used < sets->count) {
			put_lookup(putter, set, sets->ids[used++], expression);
		} else if (counts && counts->counted && !counted && strcmp(name, "counter") == 0) {
			put_counter(putter->batch, NFTA_LIST_ELEM, counts->packets, counts->bytes);
			counted = true;
		} else if (strcmp(name, "dynset") == 0 && expression[NFTA_EXPR_DATA]) {
			put_dynset(putter, expression);
		} else {
			nft_put_copy(putter->batch, nest);
		}
	}
}

static void put_rule(struct putter *putter, const struct nft_change *change,
		     const struct nft_rule_image *rule, const struct nft_rule_image *counts, uint64_t before)
{
	struct rule_sets sets = {0};
	size_t nest;

	put_rule_sets(putter, change->family, rule, &sets);
	begin(putter->batch, change->family, NFT_MSG_NEWRULE, NLM_F_CREATE | (before ? 0 : NLM_F_APPEND));
	nft_put_string(putter->batch, NFTA_RULE_CHAIN, change->name);
	if (before)
		nft_put_u64(putter->batch, NFTA_RULE_POSITION, before);
	if (rule->expressions) {
		nest = nft_nest_begin(putter->batch, NFTA_RULE_EXPRESSIONS);
		put_expressions(putter, change->family, rule, counts, &sets);
		nft_nest_end(putter->batch, nest);
	}
	if (rule->userdata)
		nft_put_copy(putter->batch, rule->userdata);
}

static int compare_rules(const void *left, const void *right)
{
	const struct nft_rule_image *a = *(const struct nft_rule_image *const *)left,
				    *b = *(const struct nft_rule_image *const *)right;
	size_t size = a->same.size < b->same.size ? a->same.size : b->same.size;
	int order = size ? memcmp(a->same.data, b->same.data, size) : 0;

	if (!order)
		order = (a->same.size > b->same.size) - (a->same.size < b->same.size);
	return order ? order : (a > b) - (a < b);
}

/* For each of the new rules the old one that is the same: the first new one has the first old one's counts.
 */
static void match_counts(const struct nft_change *change, const struct nft_rule_image **old,
			 const struct nft_rule_image **new, const struct nft_rule_image **counts)
{
	size_t i = 0, k = 0;

	for (size_t n = 0; n < change->removed; n++)
		old[n] = &change->old_chain->rules[change->head + n];
	for (size_t n = 0; n < change->added; n++)
		new[n] = &change->new_chain->rules[change->head + n];
	qsort(old, change->removed, sizeof(*old), compare_rules);
	qsort(new, change->added, sizeof(*new), compare_rules);
	while (i < change->removed && k < change->added) {
		if (text_equal(old[i]->same, new[k]->same)) {
			counts[new[k] - change->new_chain->rules - change->head] = old[i];
			i++;
			k++;
			continue;
		}
		/* compare by what they do, not by place: of equal ones the loop above has disposed */
		if (compare_rules(&old[i], &new[k]) < 0)
			i++;
		else
			k++;
	}
}

static void put_rules(struct putter *putter, const struct nft_change *change)
{
	size_t removed = change->old_chain ? change->removed : 0, count = removed + 2 * change->added;
	const struct nft_rule_image **work;
	uint64_t before = 0;

	if (!change->added)
		return;
	work = calloc(count, sizeof(const void *));
	if (!work) {
		putter->failed = true;
		return;
	}
	const struct nft_rule_image **counts = work + removed + change->added;
	if (removed)
		match_counts(change, work, work + removed, counts);
	if (change->tail)
		before = change->old_chain->rules[change->old_chain->count - change->tail].handle;
	for (size_t i = 0; i < change->added; i++)
		put_rule(putter, change, &change->new_chain->rules[change->head + i], counts[i], before);
	free(work);
}

/* --- Steps */

static void put_chain(struct putter *putter, const struct nft_change *change)
{
	const struct nft_chain *chain = change->new_chain;

	begin(putter->batch, change->family, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	nft_put_string(putter->batch, NFTA_CHAIN_NAME, change->name);
	buffer_add(&putter->batch->bytes, chain->definition.data, chain->definition.size);
	if (chain->base)
		nft_put_u32(putter->batch, NFTA_CHAIN_POLICY, chain->policy);
}

static void put_policy(struct putter *putter, const struct nft_change *change)
{
	begin(putter->batch, change->family, NFT_MSG_NEWCHAIN, 0);
	nft_put_string(putter->batch, NFTA_CHAIN_NAME, change->name);
	nft_put_u32(putter->batch, NFTA_CHAIN_POLICY, change->new_chain->policy);
}

static void remove_rules(struct putter *putter, const struct nft_change *change)
{
	const struct nft_chain *chain = change->old_chain;

	if (!chain || !change->removed)
		return;
	if (change->removed == chain->count) {
		begin(putter->batch, change->family, NFT_MSG_DELRULE, 0);
		nft_put_string(putter->batch, NFTA_RULE_CHAIN, change->name);
		return;
	}
	for (size_t i = 0; i < change->removed; i++) {
		begin(putter->batch, change->family, NFT_MSG_DELRULE, 0);
		nft_put_string(putter->batch, NFTA_RULE_CHAIN, change->name);
		nft_put_u64(putter->batch, NFTA_RULE_HANDLE, chain->rules[change->head + i].handle);
	}
}

static void remove_thing(struct putter *putter, const struct nft_change *change)
{
	static const unsigned types[] = {NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN, NFT_MSG_DELSET, NFT_MSG_DELOBJ};
	static const unsigned names[] = {0, NFTA_CHAIN_NAME, NFTA_SET_NAME, NFTA_OBJ_NAME};

	if (change->verb != NFT_CHANGE_REMOVE && !change->anew)
		return;
	begin(putter->batch, change->family, types[change->kind], 0);
	if (names[change->kind])
		nft_put_string(putter->batch, names[change->kind], change->name);
	if (change->kind == NFT_CHANGE_OBJECT)
		nft_put_u32(putter->batch, NFTA_OBJ_TYPE, change->new_object->type);
}

static void put_table(struct putter *putter, const struct nft_change *change)
{
	bool made = change->verb == NFT_CHANGE_ADD || change->anew;

	if (change->verb == NFT_CHANGE_REMOVE)
		return;
	if (change->anew)
		remove_thing(putter, change);
	begin(putter->batch, change->family, NFT_MSG_NEWTABLE, made ? NLM_F_CREATE | NLM_F_EXCL : 0);
	if (!made || change->flags)
		nft_put_u32(putter->batch, NFTA_TABLE_FLAGS, change->flags);
}

static void put_set_or_object(struct putter *putter, const struct nft_change *change)
{
	if (change->verb == NFT_CHANGE_REMOVE)
		return;
	if (change->kind == NFT_CHANGE_OBJECT) {
		begin(putter->batch, change->family, NFT_MSG_NEWOBJ, NLM_F_CREATE | NLM_F_EXCL);
		nft_put_string(putter->batch, NFTA_OBJ_NAME, change->name);
		nft_put_u32(putter->batch, NFTA_OBJ_TYPE, change->new_object->type);
		buffer_add(&putter->batch->bytes, change->new_object->definition.data,
			   change->new_object->definition.size);
	} else if (change->verb == NFT_CHANGE_ADD || change->anew) {
		put_new_set(putter, change->family, change->new_set);
	} else {
		put_members(putter, change, true);
		put_members(putter, change, false);
	}
}

enum step {
	STEP_TABLES,
	STEP_POLICIES,
	STEP_RULES_GO,
	STEP_CHAINS_GO,
	STEP_THINGS_GO,
	STEP_CHAINS,
	STEP_THINGS,
	STEP_RULES,
	STEP_COUNT
};

static void put_step(struct putter *putter, const struct nft_change *change, enum step step)
{
	bool chain = change->kind == NFT_CHANGE_CHAIN, table = change->kind == NFT_CHANGE_TABLE;
	bool made = change->verb == NFT_CHANGE_ADD || change->anew;

	if (step == STEP_TABLES && table)
		put_table(putter, change);
	else if (step == STEP_POLICIES && chain && change->policy)
		put_policy(putter, change);
	else if (step == STEP_RULES_GO && chain)
		remove_rules(putter, change);
	else if (step == STEP_CHAINS_GO && (chain || (table && !made)))
		remove_thing(putter, change);
	else if (step == STEP_THINGS_GO && !chain && !table)
		remove_thing(putter, change);
	else if (step == STEP_CHAINS && chain && made)
		put_chain(putter, change);
	else if (step == STEP_THINGS && !chain && !table)
		put_set_or_object(putter, change);
	else if (step == STEP_RULES && chain && change->verb != NFT_CHANGE_REMOVE)
		put_rules(putter, change);
}

int nft_changes_put(const struct nft_changes *changes, struct nft_batch *batch)
{
	struct putter putter = {.batch = batch, .to = changes->to};

	for (enum step step = 0; step < STEP_COUNT; step++)
		for (size_t i = 0; i < changes->count; i++)
			put_step(&putter, &changes->list[i], step);
	return putter.failed || batch->bytes.failed ? -ENOMEM : 0;
}
