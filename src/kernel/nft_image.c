/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From netlink's messages to tables, sets, chains and rules.
 *
 * Of a set of intervals the kernel keeps begins and ends as elements of their own; nft(8) puts an end at 0 in
 * front, which says nothing, and leaves the end of an interval that reaches the last value away. */
#include "kernel/nft_image.h"
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_confirm.h"
#include "kernel/nft_known.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

/* Behind those of the headers that weir is built with: ignored in what is read. */
#define SET_ATTRIBUTES_MAX NFTA_SET_EXPRESSIONS
#define LARGE_MESSAGE 16384 /* bytes */

struct parser {
	struct nft_image *image;
	struct nft_table *table;
	const struct nlmsghdr *message;
	const struct nlattr *attributes[32];
	int error;
};

static void fail(struct parser *parser, int error)
{
	if (!parser->error)
		parser->error = error;
}

static const char *name_of(struct parser *parser, unsigned type)
{
	const struct nlattr *attribute = parser->attributes[type];
	size_t size = attribute ? mnl_attr_get_payload_len(attribute) : 0;
	const char *data = size ? mnl_attr_get_payload(attribute) : NULL;

	if (!data || data[size - 1] || !data[0] || size > NFT_NAME_MAXLEN) {
		fail(parser, -EBADMSG);
		return "";
	}
	return data;
}

static uint64_t number64(const struct nlattr *attribute)
{
	uint64_t value = 0;

	if (attribute && mnl_attr_get_payload_len(attribute) == sizeof(value))
		memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
	return be64toh(value);
}

static struct text payload(const struct nlattr *attribute)
{
	if (!attribute)
		return (struct text){0};
	return (struct text){mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute)};
}

static void add_attribute(struct nft_batch *to, const struct nlattr *attribute)
{
	if (attribute)
		nft_put_copy(to, attribute);
}

/* What was written into a batch, in the arena; the batch is empty then. */
static int keep(struct arena *arena, struct nft_batch *written, struct text *text)
{
	bool failed = written->bytes.failed || written->too_long;
	char *copy =
	    failed ? NULL
		   : arena_copy(arena, written->bytes.data ? written->bytes.data : "", written->bytes.size);

	*text = (struct text){copy, copy ? written->bytes.size : 0};
	written->bytes.size = 0;
	return copy ? 0 : -ENOMEM;
}

static struct text keep_definition(struct parser *parser, struct nft_batch *written)
{
	struct text text;

	if (keep(parser->image->arena, written, &text))
		fail(parser, -ENOMEM);
	return text;
}

/* --- Sets */

struct nft_set *nft_image_set(const struct nft_table *table, const char *name)
{
	for (size_t i = 0; i < table->set_count; i++)
		if (strcmp(table->sets[i].name, name) == 0)
			return &table->sets[i];
	return NULL;
}

static void parse_set(struct parser *parser)
{
	static const unsigned types[] = {
	    NFTA_SET_FLAGS,    NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN,     NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN,
	    NFTA_SET_OBJ_TYPE, NFTA_SET_TIMEOUT,  NFTA_SET_GC_INTERVAL, NFTA_SET_POLICY,    NFTA_SET_DESC,
	    NFTA_SET_USERDATA, NFTA_SET_EXPR,     NFTA_SET_EXPRESSIONS};
	struct nft_batch written = {0};
	struct nft_table *table = parser->table;
	struct nft_set *set;

	netlink_attributes(parser->message, sizeof(struct nfgenmsg), parser->attributes, SET_ATTRIBUTES_MAX);
	set = arena_push(parser->image->arena, (void **)&table->sets, &table->set_count, &table->set_capacity,
			 sizeof(*set));
	if (!set) {
		fail(parser, -ENOMEM);
		return;
	}
	set->name = name_of(parser, NFTA_SET_NAME);
	set->flags = ntohl(netlink_u32(parser->attributes[NFTA_SET_FLAGS], 0));
	set->key_type = ntohl(netlink_u32(parser->attributes[NFTA_SET_KEY_TYPE], 0));
	set->key_size = ntohl(netlink_u32(parser->attributes[NFTA_SET_KEY_LEN], 0));
	set->anonymous = set->flags & NFT_SET_ANONYMOUS;
	set->pairs = (set->flags & NFT_SET_INTERVAL) && !(set->flags & NFT_SET_CONCAT);
	set->ends = number64(parser->attributes[NFTA_SET_TIMEOUT]) != 0;
	set->counters = parser->attributes[NFTA_SET_EXPR] || parser->attributes[NFTA_SET_EXPRESSIONS];
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		add_attribute(&written, parser->attributes[types[i]]);
	set->definition = keep_definition(parser, &written);
	nft_batch_fini(&written);
}

static void read_counter(const struct nlattr *expression, uint64_t *packets, uint64_t *bytes, bool *counted)
{
	const struct nlattr *attributes[NFTA_EXPR_MAX + 1], *values[NFTA_COUNTER_MAX + 1];

	netlink_nested(expression, attributes, NFTA_EXPR_MAX);
	if (!text_equal(payload(attributes[NFTA_EXPR_NAME]), (struct text){"counter", 8}))
		return;
	netlink_nested(attributes[NFTA_EXPR_DATA], values, NFTA_COUNTER_MAX);
	*packets = number64(values[NFTA_COUNTER_PACKETS]);
	*bytes = number64(values[NFTA_COUNTER_BYTES]);
	*counted = true;
}

/* false: it is something else. */
static bool take_counter(const struct nlattr *expression, struct nft_element *element)
{
	bool counted = false;

	read_counter(expression, &element->packets, &element->bytes, &counted);
	element->counted |= counted;
	return counted;
}

/* What a key or an end is. */
static struct text value_of(const struct nlattr *nest)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, nest) if (mnl_attr_get_type(attribute) ==
						      NFTA_DATA_VALUE) return payload(attribute);
	return (struct text){0};
}

/* There are as many as a set has members: no tables of attributes are filled. */
int nft_element_parse(struct arena *arena, const struct nlattr *nest, struct nft_element *element)
{
	const struct nlattr *attribute, *inner, *rest[4] = {0};
	struct nft_batch written = {0};
	int error = 0;

	*element = (struct nft_element){0};
	mnl_attr_for_each_nested(attribute, nest)
	{
		switch (mnl_attr_get_type(attribute)) {
		case NFTA_SET_ELEM_KEY:
			element->key = value_of(attribute);
			break;
		case NFTA_SET_ELEM_KEY_END:
			element->end = value_of(attribute);
			break;
		case NFTA_SET_ELEM_FLAGS:
			element->flags = ntohl(netlink_u32(attribute, 0));
			break;
		case NFTA_SET_ELEM_DATA:
			rest[0] = attribute;
			break;
		case NFTA_SET_ELEM_USERDATA:
			rest[1] = attribute;
			break;
		case NFTA_SET_ELEM_OBJREF:
			rest[2] = attribute;
			break;
		case NFTA_SET_ELEM_TIMEOUT:
			element->timeout = number64(attribute);
			break;
		case NFTA_SET_ELEM_EXPIRATION:
			element->timed = true;
			element->expires = number64(attribute);
			break;
		case NFTA_SET_ELEM_EXPR:
			if (!take_counter(attribute, element))
				rest[3] = attribute;
			break;
		case NFTA_SET_ELEM_EXPRESSIONS:
			mnl_attr_for_each_nested(inner, attribute)
			{
				if (!take_counter(inner, element))
					rest[3] = attribute;
			}
			break;
		}
	}
	/* A limit, say: without it the member is another one. A counter beside it is among them. */
	if (rest[3])
		element->counted = false;
	if (element->timeout && !element->timed) { /* as it is sent, not as it is told */
		element->timed = true;
		element->expires = element->timeout;
	}
	if ((!element->key.size && !(element->flags & NFT_SET_ELEM_CATCHALL)) ||
	    (element->end.size && element->end.size != element->key.size))
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++)
		add_attribute(&written, rest[i]);
	if (written.bytes.size || written.bytes.failed)
		error = keep(arena, &written, &element->rest);
	nft_batch_fini(&written);
	return error;
}

static void parse_element(struct parser *parser, struct nft_set *set, const struct nlattr *nest, bool gone)
{
	struct nft_element *element = arena_push(parser->image->arena, (void **)&set->elements, &set->count,
						 &set->capacity, sizeof(*element));
	int error = element ? nft_element_parse(parser->image->arena, nest, element) : -ENOMEM;

	if (error) {
		fail(parser, error);
		return;
	}
	set->catches_all |= element->key.size == 0;
	element->order = (uint32_t)set->count;
	element->gone = gone;
	if (gone && !set->sent)
		fail(parser, -EBADMSG);
	if (!set->sent || !set->pairs || !(element->flags & NFT_SET_ELEM_INTERVAL_END))
		return;
	/* What ends an interval was sent right behind it. */
	if (set->count > 1)
		element[-1].end = element->key;
	set->count--;
}

static size_t count_elements(const struct nlmsghdr *message, const char *set)
{
	const struct nlattr *attributes[NFTA_SET_ELEM_LIST_MAX + 1], *nest;
	char name[NFT_NAME_MAXLEN];
	size_t count = 0;

	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_SET_ELEM_LIST_MAX);
	netlink_string(attributes[NFTA_SET_ELEM_LIST_SET], name, sizeof(name));
	if (strcmp(name, set) == 0 && attributes[NFTA_SET_ELEM_LIST_ELEMENTS])
		mnl_attr_for_each_nested(nest, attributes[NFTA_SET_ELEM_LIST_ELEMENTS]) count++;
	return count;
}

/* Room for all of a large set, which are in messages one behind the other: to grow again and again costs more
 * than to read them. */
static void reserve_elements(struct parser *parser, struct nft_set *set)
{
	const struct nlmsghdr *message = parser->message;
	struct text raw = parser->image->raw;
	int left = (int)(raw.data + raw.size - (const char *)message);
	size_t count = 0, some;

	if (set->count || message->nlmsg_len < LARGE_MESSAGE)
		return;
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_len > (size_t)left || !(some = count_elements(message, set->name)))
			break;
		count += some;
	}
	struct nft_element *room = arena_array(parser->image->arena, count + 1, sizeof(*room));
	if (!room)
		return; /* it may grow yet */
	set->elements = room;
	set->capacity = count + 1;
}

static void parse_elements(struct parser *parser, bool gone)
{
	const struct nlattr *nest;
	struct nft_set *set;

	netlink_attributes(parser->message, sizeof(struct nfgenmsg), parser->attributes,
			   NFTA_SET_ELEM_LIST_MAX);
	set = nft_image_set(parser->table, name_of(parser, NFTA_SET_ELEM_LIST_SET));
	if (!set) {
		fail(parser, -EBADMSG);
		return;
	}
	if (gone && !parser->attributes[NFTA_SET_ELEM_LIST_ELEMENTS]) {
		set->count = 0;
		set->sent = true;
		return;
	}
	reserve_elements(parser, set);
	if (parser->attributes[NFTA_SET_ELEM_LIST_ELEMENTS])
		mnl_attr_for_each_nested(nest, parser->attributes[NFTA_SET_ELEM_LIST_ELEMENTS])
		    parse_element(parser, set, nest, gone);
}

static int compare_text(struct text a, struct text b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size ? memcmp(a.data, b.data, size) : 0;

	return order ? order : (a.size > b.size) - (a.size < b.size);
}

int nft_element_compare(const struct nft_element *a, const struct nft_element *b)
{
	int order = compare_text(a->key, b->key);

	if (order)
		return order;
	bool a_ends = a->flags & NFT_SET_ELEM_INTERVAL_END, b_ends = b->flags & NFT_SET_ELEM_INTERVAL_END;
	if (a_ends != b_ends)
		return a_ends ? -1 : 1;
	return compare_text(a->end, b->end);
}

/* A member goes at a time: how long it was to stay when it was added, and how long it stays from now on, are
 * two ways to say so, and a moment passes between two that are asked. */
#define MOMENT 5000 /* ms */

bool nft_element_same(const struct nft_element *a, const struct nft_element *b)
{
	uint64_t apart = a->expires > b->expires ? a->expires - b->expires : b->expires - a->expires;

	return nft_element_compare(a, b) == 0 && text_equal(a->rest, b->rest) && a->timed == b->timed &&
	       (!a->timed || (a->timeout && a->timeout == b->timeout) || apart <= MOMENT);
}

static int compare_elements(const void *a, const void *b)
{
	return nft_element_compare(a, b);
}

/* What weir wrote is sorted already, mostly. */
static void sort_elements(struct nft_set *set, int (*compare)(const void *a, const void *b))
{
	size_t rising = 1;

	while (rising < set->count && compare(&set->elements[rising - 1], &set->elements[rising]) < 0)
		rising++;
	if (rising < set->count)
		qsort(set->elements, set->count, sizeof(*set->elements), compare);
}

static int compare_sent(const void *left, const void *right)
{
	const struct nft_element *a = left, *b = right;
	int order = compare_text(a->key, b->key);

	return order ? order : (a->order > b->order) - (a->order < b->order);
}

static bool reaches(const struct nft_element *element, const struct nft_element *next)
{
	return !element->end.size || compare_text(element->end, next->key) > 0;
}

/* Of what was sent of a key the last message counts. An interval that overlaps an older one can have come
 * only once that had gone by itself, as the kernel takes none that overlap. */
static void settle_sent(struct nft_set *set)
{
	size_t kept = 0;

	sort_elements(set, compare_sent);
	for (size_t i = 0; i < set->count; i++) {
		const struct nft_element *element = &set->elements[i];
		if (element->gone ||
		    (i + 1 < set->count && text_equal(element->key, set->elements[i + 1].key)))
			continue;
		while (set->pairs && kept && reaches(&set->elements[kept - 1], element) &&
		       set->elements[kept - 1].order < element->order)
			kept--;
		if (!set->pairs || !kept || !reaches(&set->elements[kept - 1], element))
			set->elements[kept++] = *element;
	}
	set->count = kept;
}

static void finish_set(struct parser *parser, struct nft_set *set)
{
	size_t kept = 0;

	if (set->sent) {
		settle_sent(set);
		return;
	}
	sort_elements(set, compare_elements);
	if (!set->pairs)
		return;
	for (size_t i = 0; i < set->count; i++) {
		struct nft_element element = set->elements[i];
		if (element.flags & NFT_SET_ELEM_INTERVAL_END)
			continue; /* the one in front */
		if (i + 1 < set->count) {
			const struct nft_element *next = &set->elements[i + 1];
			if (!(next->flags & NFT_SET_ELEM_INTERVAL_END))
				fail(parser, -EBADMSG); /* one begins within another */
			element.end = next->key;
			i++;
		}
		set->elements[kept++] = element;
	}
	set->count = kept;
}

/* --- Chains, rules, objects */

static void parse_chain(struct parser *parser)
{
	static const unsigned types[] = {NFTA_CHAIN_HOOK, NFTA_CHAIN_TYPE, NFTA_CHAIN_FLAGS,
					 NFTA_CHAIN_USERDATA};
	struct nft_table *table = parser->table;
	struct nft_batch written = {0};
	struct nft_chain *chain;

	netlink_attributes(parser->message, sizeof(struct nfgenmsg), parser->attributes, NFTA_CHAIN_USERDATA);
	chain = arena_push(parser->image->arena, (void **)&table->chains, &table->chain_count,
			   &table->chain_capacity, sizeof(*chain));
	if (!chain) {
		fail(parser, -ENOMEM);
		return;
	}
	chain->name = name_of(parser, NFTA_CHAIN_NAME);
	chain->base = parser->attributes[NFTA_CHAIN_HOOK];
	chain->policy = ntohl(netlink_u32(parser->attributes[NFTA_CHAIN_POLICY], htonl(NF_ACCEPT)));
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		add_attribute(&written, parser->attributes[types[i]]);
	chain->definition = keep_definition(parser, &written);
	nft_batch_fini(&written);
}

static void parse_object(struct parser *parser)
{
	struct nft_table *table = parser->table;
	struct nft_batch written = {0};
	struct nft_object *object;

	netlink_attributes(parser->message, sizeof(struct nfgenmsg), parser->attributes, NFTA_OBJ_USERDATA);
	object = arena_push(parser->image->arena, (void **)&table->objects, &table->object_count,
			    &table->object_capacity, sizeof(*object));
	if (!object) {
		fail(parser, -ENOMEM);
		return;
	}
	object->name = name_of(parser, NFTA_OBJ_NAME);
	object->type = ntohl(netlink_u32(parser->attributes[NFTA_OBJ_TYPE], 0));
	add_attribute(&written, parser->attributes[NFTA_OBJ_DATA]);
	add_attribute(&written, parser->attributes[NFTA_OBJ_USERDATA]);
	object->definition = keep_definition(parser, &written);
	nft_batch_fini(&written);
}

static void add_set(const struct nft_set *set, struct nft_batch *to)
{
	buffer_add(&to->bytes, set->definition.data, set->definition.size);
	for (size_t i = 0; i < set->count; i++) {
		const struct nft_element *element = &set->elements[i];
		nft_put(to, NFTA_SET_ELEM_KEY, element->key.data, element->key.size);
		if (element->end.data)
			nft_put(to, NFTA_SET_ELEM_KEY_END, element->end.data, element->end.size);
		if (element->rest.size)
			buffer_add(&to->bytes, element->rest.data, element->rest.size);
	}
}

static struct nft_set *set_named(const struct parser *parser, struct text name)
{
	return name.size && !name.data[name.size - 1] ? nft_image_set(parser->table, name.data) : NULL;
}

/* What the rule does, one expression after the other: its name, its attributes. */
static void add_expression(struct parser *parser, const struct nlattr *nest, struct nft_rule_image *rule,
			   struct nft_batch *to)
{
	const struct nlattr *attributes[NFTA_EXPR_MAX + 1], *values[NFTA_LOOKUP_MAX + 1];
	struct text name, set_name;
	bool counted = false;
	uint64_t packets, bytes;

	netlink_nested(nest, attributes, NFTA_EXPR_MAX);
	name = payload(attributes[NFTA_EXPR_NAME]);
	if (!name.size || name.data[name.size - 1]) {
		fail(parser, -EBADMSG);
		return;
	}
	add_attribute(to, attributes[NFTA_EXPR_NAME]);
	read_counter(nest, &packets, &bytes, &counted);
	if (counted) {
		if (!rule->counted) {
			rule->packets = packets;
			rule->bytes = bytes;
		}
		rule->counted = true;
		return;
	}
	/* What it has used up is told beside what it was told. */
	if (strcmp(name.data, "quota") == 0) {
		netlink_nested(attributes[NFTA_EXPR_DATA], values, NFTA_LOOKUP_MAX);
		add_attribute(to, values[NFTA_QUOTA_BYTES]);
		add_attribute(to, values[NFTA_QUOTA_FLAGS]);
		return;
	}
	if (strcmp(name.data, "dynset") == 0) {
		netlink_nested(attributes[NFTA_EXPR_DATA], values, NFTA_LOOKUP_MAX);
		set_name = payload(values[NFTA_DYNSET_SET_NAME]);
		struct nft_set *set = set_named(parser, set_name);
		if (set)
			set->filled = true;
	}
	if (strcmp(name.data, "lookup") == 0) {
		netlink_nested(attributes[NFTA_EXPR_DATA], values, NFTA_LOOKUP_MAX);
		set_name = payload(values[NFTA_LOOKUP_SET]);
		struct nft_set *set = set_named(parser, set_name);
		if (!set)
			fail(parser, -EBADMSG);
		else if (!set->anonymous)
			add_attribute(to, values[NFTA_LOOKUP_SET]);
		else
			add_set(set, to);
		add_attribute(to, values[NFTA_LOOKUP_SREG]);
		add_attribute(to, values[NFTA_LOOKUP_DREG]);
		add_attribute(to, values[NFTA_LOOKUP_FLAGS]);
		return;
	}
	if (attributes[NFTA_EXPR_DATA])
		add_attribute(to, attributes[NFTA_EXPR_DATA]);
}

struct nft_chain *nft_image_chain(const struct nft_table *table, const char *name)
{
	for (size_t i = 0; i < table->chain_count; i++)
		if (strcmp(table->chains[i].name, name) == 0)
			return &table->chains[i];
	return NULL;
}

static void parse_rule(struct parser *parser)
{
	struct nft_batch written = {0};
	struct nft_rule_image *rule;
	const struct nlattr *nest;
	struct nft_chain *chain;

	netlink_attributes(parser->message, sizeof(struct nfgenmsg), parser->attributes, NFTA_RULE_USERDATA);
	chain = nft_image_chain(parser->table, name_of(parser, NFTA_RULE_CHAIN));
	if (!chain) {
		fail(parser, -EBADMSG);
		return;
	}
	rule = arena_push(parser->image->arena, (void **)&chain->rules, &chain->count, &chain->capacity,
			  sizeof(*rule));
	if (!rule) {
		fail(parser, -ENOMEM);
		return;
	}
	rule->handle = number64(parser->attributes[NFTA_RULE_HANDLE]);
	rule->expressions = parser->attributes[NFTA_RULE_EXPRESSIONS];
	rule->userdata = parser->attributes[NFTA_RULE_USERDATA];
	if (rule->expressions)
		mnl_attr_for_each_nested(nest, rule->expressions)
		    add_expression(parser, nest, rule, &written);
	if (rule->userdata)
		add_attribute(&written, rule->userdata);
	rule->same = keep_definition(parser, &written);
	nft_batch_fini(&written);
}

/* --- Whole */

static void parse_message(struct parser *parser, unsigned type)
{
	switch (type) {
	case NFT_MSG_NEWTABLE:
		netlink_attributes(parser->message, sizeof(struct nfgenmsg), parser->attributes,
				   NFTA_TABLE_FLAGS);
		parser->table->present = true;
		parser->table->flags = ntohl(netlink_u32(parser->attributes[NFTA_TABLE_FLAGS], 0));
		break;
	case NFT_MSG_NEWSET:
		parse_set(parser);
		break;
	case NFT_MSG_NEWSETELEM:
	case NFT_MSG_DELSETELEM:
		parse_elements(parser, type == NFT_MSG_DELSETELEM);
		break;
	case NFT_MSG_NEWCHAIN:
		parse_chain(parser);
		break;
	case NFT_MSG_NEWOBJ:
		parse_object(parser);
		break;
	case NFT_MSG_NEWRULE:
		parse_rule(parser);
		break;
	default:
		fail(parser, -EBADMSG);
	}
}

/* Messages of some types come to stand before others that need them: sets and their members before rules. */
static void parse_pass(struct parser *parser, const char *raw, size_t size, bool rules)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)raw;
	int left = (int)size;

	for (; mnl_nlmsg_ok(message, left) && !parser->error; message = mnl_nlmsg_next(message, &left)) {
		const struct nfgenmsg *general = mnl_nlmsg_get_payload(message);
		unsigned type = message->nlmsg_type & 0xff;

		/* mnl_nlmsg_ok() takes a length with the highest bit set for a negative one */
		if (message->nlmsg_len > (size_t)left ||
		    mnl_nlmsg_get_payload_len(message) < sizeof(*general) ||
		    message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES) {
			fail(parser, -EBADMSG);
			return;
		}
		parser->message = message;
		if (type == NFT_MSG_NEWGEN) {
			netlink_attributes(message, sizeof(*general), parser->attributes, NFTA_GEN_MAX);
			parser->image->generation = ntohl(netlink_u32(parser->attributes[NFTA_GEN_ID], 0));
			continue;
		}
		if (general->nfgen_family != NFPROTO_IPV4 && general->nfgen_family != NFPROTO_IPV6) {
			fail(parser, -EBADMSG);
			return;
		}
		parser->table = &parser->image->tables[general->nfgen_family == NFPROTO_IPV6];
		if ((type == NFT_MSG_NEWRULE) == rules)
			parse_message(parser, type);
	}
	if (left)
		fail(parser, -EBADMSG);
}

int nft_image_parse(const char *raw, size_t size, struct nft_image **result)
{
	struct parser parser = {0};
	struct arena *arena = arena_new();

	parser.image = arena ? arena_alloc(arena, sizeof(*parser.image)) : NULL;
	if (!parser.image) {
		if (arena)
			arena_free(arena);
		return -ENOMEM;
	}
	parser.image->arena = arena;
	parser.image->raw = (struct text){raw, size};
	if (size > INT32_MAX || (size && (uintptr_t)raw % MNL_ALIGNTO))
		fail(&parser, -EBADMSG);
	if (!parser.error)
		parse_pass(&parser, raw, size, false);
	for (int family = 0; family < FAMILY_COUNT && !parser.error; family++)
		for (size_t i = 0; i < parser.image->tables[family].set_count; i++)
			finish_set(&parser, &parser.image->tables[family].sets[i]);
	if (!parser.error)
		parse_pass(&parser, raw, size, true);
	if (parser.error)
		arena_free(arena);
	else
		*result = parser.image;
	return parser.error;
}

/* Parsed where the bytes will stay. */
int nft_image_parse_copy(const struct buffer *raw, struct nft_image **image)
{
	struct arena *arena = arena_new();
	char *copy = arena ? arena_copy(arena, raw->data ? raw->data : "", raw->size) : NULL;
	struct nft_image *read = NULL;
	int error = copy ? nft_image_parse(copy, raw->size, &read) : -ENOMEM;

	if (error) {
		if (arena)
			arena_free(arena);
		return error;
	}
	read->bytes = arena;
	*image = read;
	return 0;
}

static int parse_read(const struct buffer *raw, bool counts, struct nft_image **image, struct buffer *why)
{
	struct nft_image *read = NULL;
	int error = nft_image_parse_copy(raw, &read);

	if (error) {
		buffer_printf(why, "cannot make sense of nftables' rules: %s", strerror(-error));
		return error;
	}
	/* What was on record, though by now it may not be any more (who only reads holds no lock), does not
	 * tell which of those that go by themselves have gone. */
	if (!counts)
		error = nft_members_left(read);
	if (error) {
		buffer_printf(why, "cannot ask for the members of a set: %s", strerror(-error));
		nft_image_free(read);
		return error;
	}
	*image = read;
	return 0;
}

int nft_image_read(struct nft_image **image, struct buffer *why)
{
	struct buffer raw = {0};
	int error = nft_image_dump(&raw, why);

	if (!error)
		error = parse_read(&raw, false, image, why);
	if (!error && !nft_known_holds((*image)->generation))
		nft_known_keep(*image, (*image)->generation);
	buffer_fini(&raw);
	return error;
}

int nft_image_read_sets(const char *const *names, size_t count, bool counts, struct nft_image **image,
			struct buffer *why)
{
	struct buffer raw = {0};
	int error = nft_image_dump_sets(names, count, counts, &raw, why);

	if (!error)
		error = parse_read(&raw, counts, image, why);
	buffer_fini(&raw);
	return error;
}

void nft_image_free(struct nft_image *image)
{
	if (!image)
		return;
	if (image->bytes)
		arena_free(image->bytes);
	arena_free(image->arena);
}
