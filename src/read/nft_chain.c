/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains of nftables as chains of iptables' tables: a chain that base chains of several tables call is copied
 * into each of them. */
#include "read/names.h"
#include "read/nft_reader.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COPIES_MAX (1u << 18)
#define LINES_MAX (1u << 20) /* of all chains */
#define NAME_MAX_SIZE 28     /* XT_EXTENSION_MAXNAMELEN, without its end */

/* --- From which hooks a chain is reached */

struct reach {
	struct nft_reader *reader;
	enum family family;
	unsigned hooks;
	struct nft_table *table;
	struct nft_chain **work;
	size_t count;
};

static void reach_chain(struct reach *reach, struct nft_chain *chain)
{
	if (!chain || chain->base || (chain->hooks[reach->family] & reach->hooks) == reach->hooks)
		return;
	chain->hooks[reach->family] |= reach->hooks;
	reach->work[reach->count++] = chain;
}

/* Bounded by the depth that the JSON may have; maps have no maps in them. */
static void reach_json(struct reach *reach, struct json_object *json, bool in_map)
{
	if (json_object_is_type(json, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(json); i++)
			reach_json(reach, json_object_array_get_idx(json, i), in_map);
		return;
	}
	if (!json_object_is_type(json, json_type_object))
		return;
	json_object_object_foreach(json, key, value)
	{
		if (strcmp(key, "jump") == 0 || strcmp(key, "goto") == 0)
			reach_chain(reach, listing_find_chain(reach->reader, reach->table,
							      listing_string(listing_get(value, "target"))));
		struct nft_set *map =
		    strcmp(key, "data") == 0 && !in_map
			? listing_find_set(reach->reader, reach->table, listing_string(value))
			: NULL;
		if (map)
			reach_json(reach, listing_get(map->json, "elem"), true);
		reach_json(reach, value, in_map);
	}
}

static void reach_rules(struct reach *reach, const struct nft_chain *chain)
{
	reach->table = chain->table;
	for (size_t i = 0; i < chain->rule_count; i++)
		reach_json(reach, listing_get(chain->rules[i], "expr"), false);
}

/* What is asked in a chain for later fragments is the same as in the one that it is a copy of: they are
 * compared (nft_place.c). */
static void reach_late(struct nft_reader *reader)
{
	for (size_t i = 0; i < reader->chain_count; i++) {
		struct nft_chain *chain = reader->chains[i];
		struct nft_chain *other =
		    strncmp(chain->name, "later-", 6) == 0 && !chain->base
			? listing_find_chain(reader, chain->table, chain->name + strlen("later-"))
			: NULL;
		if (other && chain->hooks[FAMILY_IPV6])
			chain->hooks[FAMILY_IPV6] |= other->hooks[FAMILY_IPV6];
	}
}

void listing_reach(struct nft_reader *reader)
{
	/* A chain is put there once for each set of hooks that it is reached from, at most. */
	struct nft_chain **work =
	    arena_array(reader->arena, reader->chain_count * (HOOK_COUNT + 1) + 1, sizeof(*work));

	if (!work) {
		reader->failed = true;
		return;
	}
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int hook = 0; hook < HOOK_COUNT; hook++) {
			struct reach reach = {reader, (enum family)family, 1u << hook, NULL, work, 0};
			for (size_t i = 0; i < reader->chain_count; i++) {
				struct nft_chain *chain = reader->chains[i];
				if (!chain->base || chain->hook != (enum hook)hook ||
				    !listing_table_has(chain->table, (enum family)family))
					continue;
				chain->hooks[family] = 1u << hook;
				reach_rules(&reach, chain);
				while (reach.count)
					reach_rules(&reach, reach.work[--reach.count]);
			}
		}
	reach_late(reader);
}

/* --- Names */

static bool is_builtin_name(const char *name)
{
	for (int i = 0; i < HOOK_COUNT; i++)
		if (strcmp(name, hook_names[i]) == 0)
			return true;
	return false;
}

static char *fresh_name(struct nft_reader *reader, enum family family, enum table_id table, const char *own,
			size_t first)
{
	size_t prefix = strlen(table_names[table]);
	char name[NAME_MAX_SIZE + 1];

	if (strncmp(own, table_names[table], prefix) == 0 && own[prefix] == '-' && own[prefix + 1])
		own += prefix + 1;
	for (size_t try = first; try < first + COPIES_MAX + 1; try++) {
		char number[24] = "";
		size_t size = 0;
		if (try)
			snprintf(number, sizeof(number), "-%zu", try);
		for (; own[size] && size + strlen(number) < NAME_MAX_SIZE; size++) {
			unsigned char c = (unsigned char)own[size];
			bool good =
			    isascii(c) && (isalnum(c) || (c && strchr("_./:", c)) || (c == '-' && size));
			name[size] = good ? (char)c : '_';
		}
		memcpy(name + size, number, strlen(number) + 1);
		if (!name[0] || is_builtin_name(name) ||
		    target_name_known(text_of(name), family) != NAME_UNKNOWN ||
		    name_index_find(reader->names[family][table], text_of(name)))
			continue;
		char *copy = arena_copy(reader->arena, name, strlen(name));
		reader->failed |= !copy || name_index_add(reader->arena, &reader->names[family][table],
							  text_of(copy), copy) != 0;
		return copy;
	}
	reader->failed = true;
	return NULL;
}

/* --- Copies */

static struct nft_copy *copy_add(struct nft_reader *reader, enum family family)
{
	struct nft_copy *copy = arena_alloc(reader->arena, sizeof(*copy));
	struct nft_copy **slot =
	    arena_push(reader->arena, (void **)&reader->copies[family], &reader->copy_count[family],
		       &reader->copy_capacity[family], sizeof(*slot));

	if (!copy || !slot || reader->copy_count[family] > COPIES_MAX) {
		reader->failed = true;
		return NULL;
	}
	copy->family = family;
	*slot = copy;
	return copy;
}

struct nft_copy *listing_copy_of(struct nft_reader *reader, struct nft_chain *chain,
				 const struct nft_copy *from, bool at_end)
{
	char *key = arena_printf(reader->arena, "%zu %d %d %d %d %d %d %p", chain->number, (int)from->family,
				 (int)from->table, from->late, from->no_late, at_end, at_end && from->drops,
				 (void *)from->next);
	struct nft_copy *copy = key ? name_index_find(reader->copy_index, text_of(key)) : NULL;

	if (copy)
		return copy;
	copy = key ? copy_add(reader, from->family) : NULL;
	if (!copy) {
		reader->failed = true;
		return NULL;
	}
	copy->chain = chain;
	copy->table = from->table;
	copy->late = from->late;
	copy->no_late = from->no_late;
	copy->next = from->next;
	copy->hooks = chain->hooks[from->family];
	copy->ends = copy->closes = at_end;
	copy->drops = at_end && from->drops;
	copy->name = fresh_name(reader, copy->family, copy->table, chain->name, 0);
	reader->failed |= name_index_add(reader->arena, &reader->copy_index, text_of(key), copy) != 0;
	return copy;
}

struct nft_copy *listing_copy_part(struct nft_reader *reader, const struct nft_copy *beside)
{
	struct nft_copy *copy = copy_add(reader, beside->family);

	if (!copy)
		return NULL;
	copy->table = beside->table;
	copy->late = beside->late;
	copy->no_late = beside->no_late;
	copy->next = beside->next;
	copy->hooks = beside->hooks;
	copy->part = true;
	/* Returning from a built-in chain is its policy. */
	copy->ends = beside->ends || beside->builtin;
	copy->drops = beside->drops;
	copy->name = fresh_name(reader, copy->family, copy->table, "nft", reader->copy_count[copy->family]);
	return copy;
}

struct nft_copy *listing_copy_base(struct nft_reader *reader, struct nft_chain *chain, enum family family,
				   enum table_id table, bool builtin, struct nft_copy *next, bool last)
{
	struct nft_copy *copy = copy_add(reader, family);

	if (!copy)
		return NULL;
	copy->chain = chain;
	copy->table = table;
	copy->builtin = builtin;
	copy->hooks = 1u << chain->hook;
	copy->drops = chain->drops;
	copy->next = next;
	/* The only one of its place is as it is. */
	copy->ends = copy->closes = !builtin || !last;
	copy->name = builtin ? arena_printf(reader->arena, "%s", hook_names[chain->hook])
			     : fresh_name(reader, family, table, chain->name, 0);
	reader->failed |= !copy->name;
	return copy;
}

void listing_line_add(struct nft_reader *reader, struct nft_copy *copy, struct nft_line line)
{
	if (++reader->lines > LINES_MAX) {
		if (reader->lines == LINES_MAX + 1)
			listing_error(reader, "nft-too-large", NULL,
				      "these rules make more than %u of iptables", LINES_MAX);
		return;
	}
	struct nft_line *slot = arena_push(reader->arena, (void **)&copy->lines, &copy->line_count,
					   &copy->line_capacity, sizeof(*slot));
	if (slot)
		*slot = line;
	reader->failed |= !slot || !line.options || !line.target;
}

/* --- Two lines as one */

static const char *skip_blank_word(const char *at, const char *word)
{
	size_t size = strlen(word);

	return strncmp(at, word, size) == 0 ? at + size : NULL;
}

/* "-m multiport --sports L" and "-m multiport ! --sports L -m multiport --dports L", or with tcp's and udp's
 * own options: "--ports L", in what is the same before and behind. */
static bool either_port(const char *a, const char *b, struct buffer *out)
{
	static const struct {
		const char *first, *second, *third;
		bool own;
	} forms[] = {
	    {" -m multiport --sports ", " -m multiport ! --sports ", " -m multiport --dports ", false},
	    {" --sport ", " ! --sport ", " --dport ", true}};
	size_t before = 0;

	while (a[before] && a[before] == b[before])
		before++;
	for (size_t i = 0; i < 2; i++) {
		const char *at = strstr(a, forms[i].first);
		size_t start = at ? (size_t)(at - a) : SIZE_MAX;
		if (start > before)
			continue;
		const char *list = at + strlen(forms[i].first);
		size_t size = strcspn(list, " ");
		const char *other = skip_blank_word(b + start, forms[i].second);
		if (!other || strncmp(other, list, size) != 0)
			continue;
		other = skip_blank_word(other + size, forms[i].third);
		if (!other || strncmp(other, list, size) != 0 || strcmp(other + size, list + size) != 0)
			continue;
		buffer_printf(out, "%.*s -m multiport --ports %.*s%s", (int)start, a, (int)size, list,
			      list + size);
		return true;
	}
	return false;
}

/* What counts would count both. */
static bool counts(const char *options)
{
	static const char *const matches[] = {" -m limit", " -m nft", " -m hashlimit", " -m statistic",
					      " -m set"};

	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++)
		if (strstr(options, matches[i]))
			return true;
	return false;
}

void listing_lines_join(struct nft_reader *reader, struct nft_copy *copy)
{
	size_t kept = 0;

	for (size_t i = 0; i < copy->line_count; i++) {
		struct nft_line *line = &copy->lines[i], *next = line + 1;
		struct buffer joined = {0};
		bool join = i + 1 < copy->line_count && line->jump == next->jump &&
			    line->is_goto == next->is_goto && !line->late && !next->late &&
			    !counts(line->options) && strcmp(line->target, next->target) == 0 &&
			    either_port(line->options, next->options, &joined);
		if (join) {
			line->options =
			    arena_copy(reader->arena, joined.data ? joined.data : "", joined.size);
			line->packets += next->packets;
			line->bytes += next->bytes;
			reader->failed |= joined.failed || !line->options;
			i++;
		}
		copy->lines[kept++] = *line;
		buffer_fini(&joined);
	}
	copy->line_count = kept;
}

/* --- As text */

static void print_lines(const struct nft_copy *copy, struct buffer *out)
{
	for (size_t i = 0; i < copy->line_count; i++) {
		const struct nft_line *line = &copy->lines[i];
		if (line->packets || line->bytes)
			buffer_printf(out, "[%" PRIu64 ":%" PRIu64 "] ", line->packets, line->bytes);
		buffer_printf(out, "-A %s", copy->name);
		buffer_puts(out, line->options);
		if (line->jump)
			buffer_printf(out, " -%c %s", line->is_goto ? 'g' : 'j', line->jump->name);
		else
			buffer_puts(out, line->target);
		buffer_puts(out, "\n");
	}
	if (!copy->closes)
		return;
	buffer_printf(out, "-A %s ", copy->name);
	if (copy->next && !copy->drops)
		buffer_printf(out, "-g %s\n", copy->next->name);
	else
		buffer_puts(out, copy->drops ? "-j DROP\n" : "-j ACCEPT\n");
}

static void print_table(struct nft_reader *reader, enum family family, enum table_id table,
			struct buffer *out)
{
	struct nft_copy **copies = reader->copies[family];
	size_t count = reader->copy_count[family], found = 0;

	for (size_t i = 0; i < count; i++)
		found += copies[i]->table == table && !copies[i]->hidden;
	if (!found)
		return;
	buffer_printf(out, "*%s\n", table_names[table]);
	for (size_t i = 0; i < count; i++)
		if (copies[i]->table == table && !copies[i]->hidden)
			buffer_printf(out, ":%s %s [0:0]\n", copies[i]->name,
				      !copies[i]->builtin                      ? "-"
				      : copies[i]->drops && !copies[i]->closes ? "DROP"
									       : "ACCEPT");
	for (size_t i = 0; i < count; i++)
		if (copies[i]->table == table && !copies[i]->hidden)
			print_lines(copies[i], out);
	buffer_puts(out, "COMMIT\n");
}

void listing_chains_print(struct nft_reader *reader, enum family family, struct buffer *out)
{
	buffer_printf(out, "# What nftables has for %s, in the words of iptables\n",
		      family == FAMILY_IPV4 ? "IPv4" : "IPv6");
	for (int table = 0; table < TABLE_COUNT; table++)
		print_table(reader, family, (enum table_id)table, out);
	if (!reader->copy_count[family])
		buffer_puts(out, "*filter\nCOMMIT\n");
}
