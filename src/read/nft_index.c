/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The objects of `nft -j list ruleset`: tables, chains with their rules, sets, by name. */
#include "read/nft_reader.h"

#include <errno.h>
#include <string.h>

struct json_object *listing_get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, key, &value)
		   ? value
		   : NULL;
}

const char *listing_string(struct json_object *object)
{
	/* A NUL in it would end it for those who look at it as a string. */
	return json_object_is_type(object, json_type_string) &&
		       strlen(json_object_get_string(object)) == (size_t)json_object_get_string_len(object)
		   ? json_object_get_string(object)
		   : NULL;
}

bool listing_number(struct json_object *object, uint64_t max, uint64_t *number)
{
	const char *text = listing_string(object);

	if (text)
		return number_parse(text_of(text), max, number) == 0;
	if (!json_object_is_type(object, json_type_int))
		return false;
	if (json_object_get_int64(object) < 0)
		return false;
	*number = json_object_get_uint64(object);
	return *number <= max;
}

const char *listing_only_key(struct json_object *object, struct json_object **value)
{
	*value = NULL;
	if (!json_object_is_type(object, json_type_object) || json_object_object_length(object) != 1)
		return NULL;
	struct json_object_iterator at = json_object_iter_begin(object);
	*value = json_object_iter_peek_value(&at);
	return json_object_iter_peek_name(&at);
}

void listing_error(struct nft_reader *reader, const char *code, const char *hint, const char *format, ...)
{
	struct buffer text = {0};
	va_list arguments;

	va_start(arguments, format);
	buffer_vprintf(&text, format, arguments);
	va_end(arguments);
	struct diagnostic *error = diagnostic_add(reader->sink, SEVERITY_ERROR, code, reader->nowhere, "%s",
						  text.data ? text.data : "");
	if (hint)
		diagnostic_hint(error, "%s", hint);
	buffer_fini(&text);
}

static void warn(struct nft_reader *reader, const char *hint, const char *what, const char *name)
{
	diagnostic_hint(diagnostic_add(reader->sink, SEVERITY_WARNING, "nft-not-read", reader->nowhere,
				       "%s %s is not read", what, name),
			"%s", hint);
}

/* "inet filter", and what lives in it: "inet filter/NAME". */
static const char *name_in(struct nft_reader *reader, const char *family, const char *table, const char *name)
{
	const char *text =
	    arena_printf(reader->arena, "%s %s%s%s", family, table, name ? "/" : "", name ? name : "");

	reader->failed |= !text;
	return text ? text : "";
}

static const char *const family_names[] = {"ip", "ip6", "inet"};

static void *find_in(const struct nft_reader *reader, const struct name_index *index,
		     const struct nft_table *table, const char *name)
{
	struct buffer key = {0};
	void *found = NULL;

	(void)reader;
	buffer_printf(&key, "%s %s/%s", family_names[table->family], table->name, name);
	if (!key.failed)
		found = name_index_find(index, (struct text){key.data, key.size});
	buffer_fini(&key);
	return found;
}

struct nft_chain *listing_find_chain(const struct nft_reader *reader, const struct nft_table *table,
				     const char *name)
{
	return name ? find_in(reader, reader->chain_index, table, name) : NULL;
}

struct nft_set *listing_find_set(const struct nft_reader *reader, const struct nft_table *table,
				 const char *reference)
{
	return reference && reference[0] == '@' ? find_in(reader, reader->set_index, table, reference + 1)
						: NULL;
}

struct nft_object *listing_find_limit(const struct nft_reader *reader, const struct nft_table *table,
				      const char *name)
{
	return name ? find_in(reader, reader->limit_index, table, name) : NULL;
}

bool listing_table_has(const struct nft_table *table, enum family family)
{
	return table->family == NFT_INET || table->family == (family == FAMILY_IPV4 ? NFT_IP : NFT_IP6);
}

static enum nft_table_family family_of(const char *name)
{
	for (size_t i = 0; name && i < NFT_OTHER; i++)
		if (strcmp(name, family_names[i]) == 0)
			return (enum nft_table_family)i;
	return NFT_OTHER;
}

/* Of what is said to be in a table; NULL: of one that is passed over, or, with an error, that is not there:
 * nft -j list chain names no table. */
static struct nft_table *table_of(struct nft_reader *reader, struct json_object *json)
{
	const char *family = listing_string(listing_get(json, "family")),
		   *name = listing_string(listing_get(json, "table"));

	if (!family || !name) {
		listing_error(reader, "nft-json", NULL, "something of no table");
		return NULL;
	}
	const char *key = name_in(reader, family, name, NULL);
	struct nft_table *table = name_index_find(reader->table_index, text_of(key));
	if (!table && !name_index_find(reader->skipped, text_of(key)))
		listing_error(reader, "nft-json", "give what nft -j list ruleset prints, whole",
			      "of table %s there is something, and the table itself is not there", key);
	return table;
}

static void add(struct nft_reader *reader, struct name_index **index, const char *key, void *object,
		const char *what)
{
	int error = name_index_add(reader->arena, index, text_of(key), object);

	if (error == -EEXIST)
		listing_error(reader, "nft-twice", NULL, "%s %s is there twice", what, key);
	else if (error)
		reader->failed = true;
}

/* What lives in it is passed over; a message was given, or nobody asked for it. */
static void skip(struct nft_reader *reader, const char *name)
{
	int error = name_index_add(reader->arena, &reader->skipped, text_of(name), reader);

	if (error && error != -EEXIST)
		reader->failed = true;
}

static void add_table(struct nft_reader *reader, struct json_object *json)
{
	const char *family = listing_string(listing_get(json, "family")),
		   *name = listing_string(listing_get(json, "name"));
	enum nft_table_family kind = family_of(family);
	const char *flag = listing_string(listing_get(json, "flags"));

	if (!family || !name) {
		listing_error(reader, "nft-json", NULL, "a table without a family or a name");
		return;
	}
	if (reader->choice.table && strcmp(reader->choice.table, name) != 0) {
		skip(reader, name_in(reader, family, name, NULL));
		return;
	}
	if (kind == NFT_OTHER) {
		skip(reader, name_in(reader, family, name, NULL));
		warn(reader,
		     "what it drops never comes to these rules; what it changes, they see changed: weir does "
		     "not "
		     "look at arp, bridge and netdev",
		     "table", name_in(reader, family, name, NULL));
		return;
	}
	struct json_object *flags = listing_get(json, "flags");
	for (size_t i = 0;
	     json_object_is_type(flags, json_type_array) && i < json_object_array_length(flags) && !flag; i++)
		flag = listing_string(json_object_array_get_idx(flags, i));
	if (flag && strcmp(flag, "dormant") == 0) {
		skip(reader, name_in(reader, family, name, NULL));
		warn(reader, "it is dormant: no packet meets it", "table",
		     name_in(reader, family, name, NULL));
		return;
	}
	struct nft_table *table = arena_alloc(reader->arena, sizeof(*table));
	struct nft_table **slot = arena_push(reader->arena, (void **)&reader->tables, &reader->table_count,
					     &reader->table_capacity, sizeof(*slot));
	if (!table || !slot) {
		reader->failed = true;
		return;
	}
	*slot = table;
	table->family = kind;
	table->name = name;
	table->handle = json_object_get_int64(listing_get(json, "handle"));
	add(reader, &reader->table_index, name_in(reader, family, name, NULL), table, "table");
	for (int i = 0; i < FAMILY_COUNT; i++)
		reader->present[i] |= listing_table_has(table, (enum family)i);
}

static bool base_chain(struct nft_reader *reader, struct json_object *json, struct nft_chain *chain)
{
	static const char *const hooks[HOOK_COUNT] = {"prerouting", "input", "forward", "output",
						      "postrouting"};
	static const char *const types[] = {"filter", "nat", "route", NULL};
	const char *hook = listing_string(listing_get(json, "hook")),
		   *type = listing_string(listing_get(json, "type"));
	const char *policy = listing_string(listing_get(json, "policy"));
	struct json_object *priority = listing_get(json, "prio");
	int i = 0, k = 0;

	while (i < HOOK_COUNT && strcmp(hooks[i], hook) != 0)
		i++;
	while (types[k] && (!type || strcmp(types[k], type) != 0))
		k++;
	if (i == HOOK_COUNT && strcmp(hook, "ingress") == 0) {
		warn(reader, "what it drops never comes to these rules; what it changes, they see changed",
		     "base chain",
		     name_in(reader, family_names[chain->table->family], chain->table->name, chain->name));
		skip(reader,
		     name_in(reader, family_names[chain->table->family], chain->table->name, chain->name));
		return false;
	}
	if (i == HOOK_COUNT || !types[k] || !json_object_is_type(priority, json_type_int)) {
		listing_error(reader, "nft-json", NULL,
			      "chain %s %s %s: its hook, type or priority is not known",
			      family_names[chain->table->family], chain->table->name, chain->name);
		return false;
	}
	chain->base = true;
	chain->hook = (enum hook)i;
	chain->type = types[k];
	chain->priority = json_object_get_int64(priority);
	chain->drops = policy && strcmp(policy, "drop") == 0;
	return true;
}

static void add_chain(struct nft_reader *reader, struct json_object *json)
{
	struct nft_table *table = table_of(reader, json);
	const char *name = listing_string(listing_get(json, "name"));

	if (!table)
		return;
	if (!name) {
		listing_error(reader, "nft-json", NULL, "a chain without a name");
		return;
	}
	struct nft_chain *chain = arena_alloc(reader->arena, sizeof(*chain));
	if (!chain) {
		reader->failed = true;
		return;
	}
	chain->table = table;
	chain->name = name;
	chain->handle = json_object_get_int64(listing_get(json, "handle"));
	if (listing_string(listing_get(json, "hook")) && !base_chain(reader, json, chain))
		return;
	struct nft_chain **slot = arena_push(reader->arena, (void **)&reader->chains, &reader->chain_count,
					     &reader->chain_capacity, sizeof(*slot));
	if (!slot) {
		reader->failed = true;
		return;
	}
	*slot = chain;
	chain->number = reader->chain_count - 1;
	add(reader, &reader->chain_index, name_in(reader, family_names[table->family], table->name, name),
	    chain, "chain");
	if (chain->base && strcmp(chain->type, "nat") == 0)
		for (int i = 0; i < FAMILY_COUNT; i++)
			reader->conntrack[i] |= listing_table_has(table, (enum family)i);
}

static void add_set(struct nft_reader *reader, struct json_object *json)
{
	struct nft_table *table = table_of(reader, json);
	const char *name = listing_string(listing_get(json, "name"));

	if (!table || !name)
		return;
	struct nft_set *set = arena_alloc(reader->arena, sizeof(*set));
	struct nft_set **slot = arena_push(reader->arena, (void **)&reader->sets, &reader->set_count,
					   &reader->set_capacity, sizeof(*slot));
	if (!set || !slot) {
		reader->failed = true;
		return;
	}
	*slot = set;
	set->table = table;
	set->name = name;
	set->json = json;
	add(reader, &reader->set_index, name_in(reader, family_names[table->family], table->name, name), set,
	    "set");
}

static void add_limit(struct nft_reader *reader, struct json_object *json)
{
	struct nft_table *table = table_of(reader, json);
	const char *name = listing_string(listing_get(json, "name"));
	struct nft_object *object = table && name ? arena_alloc(reader->arena, sizeof(*object)) : NULL;

	if (!table || !name)
		return;
	if (!object) {
		reader->failed = true;
		return;
	}
	object->json = json;
	add(reader, &reader->limit_index, name_in(reader, family_names[table->family], table->name, name),
	    object, "limit");
}

/* Whether the target SET does the same to the set: adds an address of the packet's, whatever else. */
static bool followed(struct json_object *statement)
{
	struct json_object *elem = listing_get(statement, "elem");
	struct json_object *value =
	    listing_get(elem, "elem") ? listing_get(listing_get(elem, "elem"), "val") : elem;
	struct nft_left left;

	listing_left(value, &left);
	return (left.key == NFT_SADDR || left.key == NFT_DADDR) && left.mask == left.max &&
	       !listing_get(statement, "stmt") && !listing_get(statement, "map") &&
	       !listing_get(statement, "data");
}

/* nft 1.0.6 has no JSON for a statement that changes a map, and prints it in words: "update @m { ... }". A
 * reference by itself, "@m", changes nothing. */
static void look_through_words(struct nft_reader *reader, const struct nft_table *table, const char *words)
{
	for (const char *at = strchr(words, '@'); at && at != words; at = strchr(at + 1, '@')) {
		size_t size = strcspn(at, " {}\t");
		char name[128];
		if (size >= sizeof(name))
			continue;
		memcpy(name, at, size);
		name[size] = '\0';
		struct nft_set *set = listing_find_set(reader, table, name);
		if (set)
			set->changed = set->unfollowed = true;
	}
}

/* What the rule uses that says more of its table: connection tracking, sets that it changes, limits that it
 * shares. Bounded by the depth that the JSON may have. */
static void look_through(struct nft_reader *reader, const struct nft_chain *chain, struct json_object *json)
{
	const struct nft_table *table = chain->table;

	if (json_object_is_type(json, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(json); i++)
			look_through(reader, chain, json_object_array_get_idx(json, i));
		return;
	}
	if (listing_string(json)) {
		look_through_words(reader, table, listing_string(json));
		return;
	}
	if (!json_object_is_type(json, json_type_object))
		return;
	json_object_object_foreach(json, key, value)
	{
		struct json_object *reference = listing_get(value, "set");
		if (strcmp(key, "map") == 0 && listing_get(value, "op"))
			reference = listing_get(value, "map");
		struct nft_set *set = listing_find_set(reader, table, listing_string(reference));
		if (set && (strcmp(key, "set") == 0 || strcmp(key, "map") == 0)) {
			set->changed = true;
			set->unfollowed |= !followed(value);
		}
		if ((strncmp(key, "ct", 2) == 0 && (!key[2] || key[2] == ' ')) ||
		    strcmp(key, "synproxy") == 0)
			for (int i = 0; i < FAMILY_COUNT; i++)
				reader->conntrack[i] |= listing_table_has(table, (enum family)i);
		struct nft_object *limit = strcmp(key, "limit") == 0
					       ? listing_find_limit(reader, table, listing_string(value))
					       : NULL;
		/* Chains of this name have copies of other rules, for fragments: nftables/print.c. */
		if (limit && strncmp(chain->name, "later-", 6) != 0)
			limit->uses++;
		look_through(reader, chain, value);
	}
}

static void add_rule(struct nft_reader *reader, struct json_object *json)
{
	struct nft_table *table = table_of(reader, json);
	const char *name = listing_string(listing_get(json, "chain"));

	if (!table)
		return;
	struct nft_chain *chain = listing_find_chain(reader, table, name);
	if (!chain) {
		const char *key = name_in(reader, family_names[table->family], table->name, name ? name : "");
		if (!name || !name_index_find(reader->skipped, text_of(key)))
			listing_error(reader, "nft-json", "give what nft -j list ruleset prints, whole",
				      "a rule of a chain that is not there: %s", key);
		return;
	}
	struct json_object **slot = arena_push(reader->arena, (void **)&chain->rules, &chain->rule_count,
					       &chain->rule_capacity, sizeof(*slot));
	if (!slot) {
		reader->failed = true;
		return;
	}
	*slot = json;
}

/* A quota or limit of an element is part of the look-up: without it more is said to match than does. */
static bool element_is_plain(struct json_object *element)
{
	static const char *const plain[] = {"val", "counter", "timeout", "expires", "comment"};

	json_object_object_foreach(element, key, value)
	{
		bool known = false;
		(void)value;
		for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
			known |= strcmp(key, plain[i]) == 0;
		if (!known)
			return false;
	}
	return true;
}

/* A pair of a map's has its element first. */
static struct json_object *element_of(struct json_object *json)
{
	if (json_object_is_type(json, json_type_array))
		json = json_object_array_get_idx(json, 0);
	struct json_object *element = listing_get(json, "elem");
	return json_object_is_type(element, json_type_object) ? element : NULL;
}

/* Sets that rules change have what they put there: such a set is asked for as something unknown. */
static void check_set(struct nft_reader *reader, struct nft_set *set, bool map)
{
	struct json_object *statements = listing_get(set->json, "stmt"),
			   *elements = listing_get(set->json, "elem");
	bool plain = true, timed = false;

	for (size_t i = 0;
	     json_object_is_type(statements, json_type_array) && i < json_object_array_length(statements);
	     i++)
		plain &= json_object_object_get_ex(json_object_array_get_idx(statements, i), "counter", NULL);
	for (size_t i = 0;
	     json_object_is_type(elements, json_type_array) && i < json_object_array_length(elements); i++) {
		struct json_object *element = element_of(json_object_array_get_idx(elements, i));
		plain &= !element || element_is_plain(element);
		timed |= listing_get(element, "timeout") || listing_get(element, "expires");
	}
	if (!plain && set->changed)
		set->unfollowed = true;
	else if (!plain)
		listing_error(reader, "nft-set", "elements that count alone, or end in time, are read",
			      "set %s %s %s: its elements limit, or have a quota",
			      family_names[set->table->family], set->table->name, set->name);
	else if (map && timed && !set->changed)
		listing_error(reader, "nft-set", NULL, "map %s %s %s: its elements end in time",
			      family_names[set->table->family], set->table->name, set->name);
	set->timed = timed;
}

/* Elements by themselves belong to a set that was printed before. */
static void refuse_element(struct nft_reader *reader, struct json_object *json)
{
	listing_error(reader, "nft-json", "load it, and give what nft -j list ruleset prints",
		      "elements apart from their set %s",
		      listing_string(listing_get(json, "name")) ? listing_string(listing_get(json, "name"))
								: "");
}

struct kind {
	const char *name;
	void (*add)(struct nft_reader *reader, struct json_object *json);
};

/* Each kind in turn: what names another finds it, whatever the order. */
static void add_all(struct nft_reader *reader, struct json_object *list, const struct kind *kind)
{
	for (size_t i = 0; i < json_object_array_length(list) && !reader->failed; i++) {
		struct json_object *object = json_object_array_get_idx(list, i);
		/* As nft(8) takes it, too: {"add": {"table": ...}}. */
		struct json_object *value = listing_get(object, kind->name);
		if (!value)
			value = listing_get(listing_get(object, "add"), kind->name);
		if (value)
			kind->add(reader, value);
	}
}

int listing_index(struct nft_reader *reader)
{
	static const struct kind kinds[] = {
	    {"table", add_table}, {"chain", add_chain}, {"set", add_set},           {"map", add_set},
	    {"limit", add_limit}, {"rule", add_rule},   {"element", refuse_element}};
	struct json_object *list = listing_get(reader->root, "nftables");

	if (!json_object_is_type(list, json_type_array)) {
		listing_error(reader, "nft-json", "nft -j list ruleset prints {\"nftables\": [...]}",
			      "this JSON is not a ruleset of nftables");
		return -EINVAL;
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *value;
		const char *name = listing_only_key(json_object_array_get_idx(list, i), &value);
		if (name && (strcmp(name, "delete") == 0 || strcmp(name, "insert") == 0 ||
			     strcmp(name, "replace") == 0 || strcmp(name, "flush") == 0 ||
			     strcmp(name, "create") == 0)) {
			listing_error(reader, "nft-json", "load it, and give what nft -j list ruleset prints",
				      "this is a list of commands (%s), not of what is there", name);
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		add_all(reader, list, &kinds[i]);
	for (size_t i = 0; i < reader->chain_count; i++)
		for (size_t k = 0; k < reader->chains[i]->rule_count; k++)
			look_through(reader, reader->chains[i],
				     listing_get(reader->chains[i]->rules[k], "expr"));
	for (size_t i = 0; i < reader->set_count; i++)
		check_set(reader, reader->sets[i], listing_get(reader->sets[i]->json, "map") != NULL);
	return reader->failed ? -ENOMEM : diagnostics_errors(reader->sink) > reader->errors ? -EINVAL : 0;
}
