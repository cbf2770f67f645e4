/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * --live: the rules that are loaded, those that weir apply has put in force among them.
 *
 * weir's own tables are what `nft -j list table` prints of them. Where they have large sets, nft(8) is asked
 * without members, as it needs much memory and time for them: these are read by netlink, or are on record
 * (nft_known.h), and put into what nft printed. */
#include "command/live.h"
#include "command/command.h"
#include "command/set.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_member.h"
#include "kernel/state_store.h"
#include "read/nft_read.h"

#include <errno.h>
#include <json-c/json.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#define LARGE 4096           /* members of one set, from which nft(8) is not asked for them */
#define COMMENTED_MAX 262144 /* members whose comments are kept */
#define TRIES 5              /* while others change the rules */
#define DEPTH_MAX 64         /* of nft's JSON */

static const char *const families[FAMILY_COUNT] = {"ip", "ip6"};

struct reading {
	struct arena *arena;
	struct diagnostics *sink;
	struct nft_image *image; /* with members */
	bool asked[FAMILY_COUNT];
	bool terse;               /* nft(8) printed no members */
	struct json_object *list; /* of what is there */
};

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

static const char *string_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static int broken(struct diagnostics *sink)
{
	diagnostic_add(sink, SEVERITY_ERROR, "nft-json", (struct span){0},
		       "what nft printed of weir's tables is not what it prints of tables");
	return -EIO;
}

/* What nft(8) prints, as an array. 0, -ENOENT: there is no nft. */
static int list_objects(struct diagnostics *sink, const char *const *words, bool terse,
			struct json_object **root, struct json_object **list)
{
	struct buffer text = {0};
	int error = nft_live_list(words, terse, sink, &text);
	struct json_tokener *tokener = error ? NULL : json_tokener_new_ex(DEPTH_MAX);

	*root = tokener ? json_tokener_parse_ex(tokener, text.data ? text.data : "", (int)text.size) : NULL;
	*list = member(*root, "nftables");
	if (!error && !tokener)
		error = -ENOMEM;
	else if (!error && !json_object_is_type(*list, json_type_array))
		error = broken(sink);
	if (error) {
		json_object_put(*root);
		*root = *list = NULL;
	}
	if (tokener)
		json_tokener_free(tokener);
	buffer_fini(&text);
	return error;
}

/* --- Members */

/* "192.0.2.1", or "192.0.2.1-192.0.2.9", which our own reader takes. */
static struct json_object *address_json(enum family family, const struct nft_member *member)
{
	struct buffer text = {0};
	struct json_object *json = NULL;

	address_print(family, member->low, &text);
	if (member->high != member->low) {
		buffer_puts(&text, "-");
		address_print(family, member->high, &text);
	}
	if (!text.failed)
		json = json_object_new_string_len(text.data, (int)text.size);
	buffer_fini(&text);
	return json;
}

static struct json_object *value_json(const struct nft_shape *shape, const struct nft_member *member)
{
	struct json_object *value = address_json(shape->family, member), *parts, *concat;

	if (!shape->ports)
		return value;
	parts = json_object_new_array();
	concat = json_object_new_object();
	json_object_array_add(parts, value);
	json_object_array_add(parts, json_object_new_int(member->protocol));
	json_object_array_add(parts, json_object_new_int(member->port));
	json_object_object_add(concat, "concat", parts);
	return concat;
}

static struct json_object *element_json(const struct nft_shape *shape, const struct nft_member *member,
					bool comments)
{
	struct json_object *value = value_json(shape, member), *element, *object;
	char comment[256];
	bool commented = comments && member->element && set_member_comment(member->element, comment);
	bool timed = member->element && member->element->timed && member->element->timeout;

	if (!value || (!commented && !timed))
		return value;
	element = json_object_new_object();
	object = json_object_new_object();
	json_object_object_add(element, "val", value);
	if (commented)
		json_object_object_add(element, "comment", json_object_new_string(comment));
	if (timed) /* ms there, seconds here */
		json_object_object_add(
		    element, "timeout",
		    json_object_new_int64(
			(int64_t)(member->element->timeout / 1000 + (member->element->timeout % 1000 != 0))));
	json_object_object_add(object, "elem", element);
	return object;
}

/* Whether its members have nothing that is not written here. */
static bool is_large(const struct nft_set *set, struct nft_shape *shape)
{
	return set->count > LARGE && !set->anonymous && !set->counters && !set->filled && !set->catches_all &&
	       !(set->flags & (NFT_SET_MAP | NFT_SET_OBJECT)) && nft_set_shape(set, shape) == 0;
}

/* From netlink. */
static int put_members(struct reading *reading, const struct nft_set *set, const struct nft_shape *shape,
		       struct json_object *json)
{
	struct json_object *list = json_object_new_array_ext((int)set->count);
	struct nft_member *members;
	int error = list ? nft_members(reading->arena, set, shape, &members) : -ENOMEM;
	bool comments = set->count <= COMMENTED_MAX, cut = false;
	char comment[256];

	for (size_t i = 0; i < set->count && !error; i++) {
		struct json_object *element = element_json(shape, &members[i], comments);
		cut |= !comments && !cut && members[i].element &&
		       set_member_comment(members[i].element, comment);
		if (!element || json_object_array_add(list, element))
			error = -ENOMEM;
	}
	if (error) {
		json_object_put(list);
		return error;
	}
	if (cut)
		diagnostic_add(reading->sink, SEVERITY_NOTE, "comments-cut", (struct span){0},
			       "set %s has %zu members: their comments are left out", set->name, set->count);
	json_object_object_add(json, "elem", list);
	return 0;
}

/* From nft(8), which is asked for this one alone. */
static int ask_members(struct reading *reading, const char *kind, enum family family, const char *name,
		       struct json_object *json)
{
	const char *const words[] = {kind, families[family], NFT_TABLE, name, NULL};
	struct json_object *root, *list, *elements = NULL;
	int error = list_objects(reading->sink, words, false, &root, &list);

	for (size_t i = 0; !error && i < json_object_array_length(list) && !elements; i++)
		elements = member(member(json_object_array_get_idx(list, i), kind), "elem");
	if (elements)
		json_object_object_add(json, "elem", json_object_get(elements));
	json_object_put(root);
	return error;
}

static int fill_set(struct reading *reading, const char *kind, enum family family, struct json_object *json)
{
	const char *name = string_of(json, "name");
	struct nft_set *set = nft_image_set(&reading->image->tables[family], name);
	struct nft_shape shape;

	if (!set)
		return -EAGAIN;
	return is_large(set, &shape) ? put_members(reading, set, &shape, json)
				     : ask_members(reading, kind, family, name, json);
}

/* --- Tables */

static int take_object(struct reading *reading, enum family family, struct json_object *object)
{
	static const char *const kinds[] = {"set", "map"};
	int error = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && reading->terse && !error; i++) {
		struct json_object *set = member(object, kinds[i]);
		if (set)
			error = fill_set(reading, kinds[i], family, set);
	}
	if (!error && json_object_array_add(reading->list, json_object_get(object))) {
		json_object_put(object);
		error = -ENOMEM;
	}
	return error;
}

/* Whether it is weir's, of what is in a table. */
static bool is_own(struct json_object *object)
{
	struct json_object *table = member(object, "table");
	bool own = table && strcmp(string_of(table, "name"), NFT_TABLE) == 0;

	if (table || !json_object_is_type(object, json_type_object))
		return own;
	json_object_object_foreach(object, kind, value)
	{
		(void)kind;
		own |= strcmp(string_of(value, "table"), NFT_TABLE) == 0;
	}
	return own;
}

/* Of one table nft 1.0.6 reads the members even where it is not to print them, but not of all tables. */
static int read_table(struct reading *reading, enum family family)
{
	const char *const one[] = {"table", families[family], NFT_TABLE, NULL};
	const char *const all[] = {"ruleset", families[family], NULL};
	struct json_object *root, *list;
	int error = list_objects(reading->sink, reading->terse ? all : one, reading->terse, &root, &list);

	if (error == -ENOENT)
		diagnostic_hint(diagnostic_add(reading->sink, SEVERITY_ERROR, "program-missing",
					       (struct span){0},
					       "weir's tables are in nftables, and nft is not installed"),
				"on Debian it comes with the package nftables");
	for (size_t i = 0; !error && i < json_object_array_length(list); i++)
		if (is_own(json_object_array_get_idx(list, i)))
			error = take_object(reading, family, json_object_array_get_idx(list, i));
	json_object_put(root);
	return error;
}

static bool any_large(const struct nft_image *image)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (size_t i = 0; i < image->tables[family].set_count; i++)
			if (image->tables[family].sets[i].count > LARGE)
				return true;
	return false;
}

static int read_tables(struct reading *reading, struct buffer *json)
{
	struct json_object *root = json_object_new_object();
	int error = 0;

	reading->list = json_object_new_array();
	reading->terse = any_large(reading->image);
	if (!root || !reading->list || json_object_object_add(root, "nftables", reading->list))
		error = -ENOMEM;
	for (int family = 0; family < FAMILY_COUNT && !error; family++)
		if (reading->asked[family])
			error = read_table(reading, (enum family)family);
	const char *text = error ? NULL : json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
	if (text)
		buffer_puts(json, text);
	if (!error && (!text || json->failed))
		error = -ENOMEM;
	json_object_put(root);
	return error;
}

/* --- What is there */

/* Of a table that is dormant no chain is asked. */
static bool asks(struct reading *reading, const struct nft_image *image, bool say)
{
	bool any = false;

	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct nft_table *table = &image->tables[family];
		bool dormant = table->present && table->flags & NFT_TABLE_F_DORMANT;
		reading->asked[family] = table->present && !dormant;
		any |= reading->asked[family];
		if (dormant && say)
			diagnostic_add(reading->sink, SEVERITY_WARNING, "table-dormant", (struct span){0},
				       "table %s " NFT_TABLE " of nftables is dormant: no packet meets it",
				       families[family]);
	}
	return any;
}

static int fail_image(struct diagnostics *sink, int error, const struct buffer *why)
{
	diagnostic_add(sink, SEVERITY_ERROR, "nft-unread", (struct span){0}, "weir's tables: %s",
		       why->data ? why->data : strerror(-error));
	return error;
}

/* One attempt; -EAGAIN: others changed the rules meanwhile. */
static int read_once(struct reading *reading, struct buffer *json, struct buffer *why)
{
	struct nft_image *behind __attribute__((cleanup(nft_image_cleanup))) = NULL;
	int error = nft_image_read(&reading->image, why);

	json->size = 0;
	if (error)
		return fail_image(reading->sink, error, why);
	if (!asks(reading, reading->image, false))
		return 0;
	error = read_tables(reading, json);
	if (!error)
		error = nft_image_read_sets(NULL, 0, false, &behind, why);
	if (!error && behind->generation != reading->image->generation)
		error = -EAGAIN;
	nft_image_free(reading->image);
	reading->image = NULL;
	return error;
}

static int read_applied(struct reading *reading, struct buffer *json)
{
	struct state_store store = STATE_STORE_NONE;
	struct buffer why = {0};
	int error = -EAGAIN;

	/* where members are on record */
	if (state_store_open(NULL, false, &store, &why))
		store = (struct state_store)STATE_STORE_NONE;
	command_progress_start("reading the members of the kernel's sets");
	for (unsigned i = 0; i < TRIES && error == -EAGAIN; i++) {
		why.size = 0;
		error = read_once(reading, json, &why);
	}
	command_progress_stop();
	if (error == -EAGAIN)
		diagnostic_add(reading->sink, SEVERITY_ERROR, "nft-unread", (struct span){0},
			       "weir's tables change faster than they can be read");
	state_store_close(&store);
	buffer_fini(&why);
	return error == -EAGAIN ? -EBUSY : error;
}

/* iptables-nft-save prints these, or says that it cannot. */
static bool is_iptables_table(const char *family, const char *name)
{
	if (strcmp(family, "ip") != 0 && strcmp(family, "ip6") != 0)
		return false;
	for (int id = 0; id < TABLE_COUNT; id++)
		if (strcmp(name, table_names[id]) == 0)
			return true;
	return strcmp(name, NFT_TABLE) == 0;
}

/* Those of others may drop and change what these rules let through. nft 1.0.6 reads the members of all sets
 * to list tables alone. */
static int warn_of_others(struct diagnostics *sink)
{
	static const char *const words[] = {"ruleset", NULL};
	struct json_object *root, *list;
	struct buffer names = {0};
	int error = list_objects(sink, words, true, &root, &list);

	for (size_t i = 0; !error && i < json_object_array_length(list); i++) {
		struct json_object *table = member(json_object_array_get_idx(list, i), "table");
		const char *family = string_of(table, "family"), *name = string_of(table, "name");
		if (table && !is_iptables_table(family, name))
			buffer_printf(&names, "%s%s %s", names.size ? ", " : "", family, name);
	}
	if (!error && names.size && !names.failed)
		diagnostic_hint(
		    diagnostic_add(sink, SEVERITY_WARNING, "other-tables", (struct span){0},
				   "nftables holds other tables, which --live does not look at: %s",
				   names.data),
		    "packets meet them, too. To have all of nftables read: nft -j list ruleset "
		    ">FILE, and FILE in place of --live");
	error = names.failed ? -ENOMEM : error;
	buffer_fini(&names);
	json_object_put(root);
	return error == -ENOENT ? 0 : error; /* without nft there is nothing of others but by iptables */
}

static int read_own(struct diagnostics *sink, struct buffer *json)
{
	struct reading reading = {.arena = arena_new(), .sink = sink};
	struct nft_image *image __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer why = {0};
	int error = reading.arena ? nft_image_read_sets(NULL, 0, false, &image, &why) : -ENOMEM;

	/* A kernel without nftables has none; to whom it does not tell iptables-save says so. */
	if (error == -EINVAL || error == -EPROTONOSUPPORT || error == -EOPNOTSUPP || error == -EPERM ||
	    error == -EACCES)
		error = 0;
	else if (error)
		error = fail_image(sink, error, &why);
	else {
		error = warn_of_others(sink);
		if (!error && asks(&reading, image, true))
			error = read_applied(&reading, json);
	}
	nft_image_free(reading.image);
	if (reading.arena)
		arena_free(reading.arena);
	buffer_fini(&why);
	return error;
}

int live_load(struct diagnostics *sink, bool apart, struct live_rules *rules)
{
	struct live_request request = {.apart = apart};
	struct buffer json = {0};
	int error = read_own(sink, &json);

	request.applied = (struct text){json.data, json.size};
	if (!error)
		error = rules_load_live_request(sink, &request, rules);
	buffer_fini(&json);
	return error;
}
