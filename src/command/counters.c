/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir counters: what was dropped early, by original rule, and by member of its set on request. */
#include "command/command.h"
#include "command/reason.h"
#include "kernel/attachment.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: weir counters IFACE [options]\n"
    "\n"
    "Packets and bytes dropped early at IFACE, for each rule that would have counted them, most first.\n"
    "\n"
    "  --members               for rules that match a set, each member too\n"
    "  --top N                 the N first only (of each rule's members too)\n"
    "  --all                   those that counted nothing too\n"
    "  --json                  as JSON\n"
    "  --help\n";

struct counters {
	const char *interface;
	bool members, all, json;
	uint64_t top;
	const struct meta *meta;
	const struct tally *tallies;
};

struct line {
	const struct counters *counters;
	uint32_t item;
};

/* Most packets first, then as the rules stand. */
static int compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	const struct tally *p = &x->counters->tallies[x->item], *q = &y->counters->tallies[y->item];

	if (p->packets != q->packets)
		return p->packets > q->packets ? -1 : 1;
	if (p->bytes != q->bytes)
		return p->bytes > q->bytes ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

/* The rule's members first to last stand together, in the order of their rules and then of their counts. */
static int compare_members(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	uint32_t p = x->counters->meta->items[x->item].parent, q = y->counters->meta->items[y->item].parent;

	return p != q ? (p < q ? -1 : 1) : compare_lines(a, b);
}

static bool wanted(const struct counters *counters, uint32_t item)
{
	return counters->all || counters->tallies[item].packets;
}

/* Lines of rules and policies, or of members; *count of them, sorted. malloc()ed. */
static struct line *collect(const struct counters *counters, bool members, size_t *count)
{
	const struct meta *meta = counters->meta;
	struct line *lines = calloc(meta->header->items.count + 1, sizeof(*lines));

	*count = 0;
	if (!lines)
		return NULL;
	for (uint32_t i = 0; i < meta->header->items.count; i++)
		if ((meta->items[i].kind == META_MEMBER) == members && wanted(counters, i))
			lines[(*count)++] = (struct line){counters, i};
	qsort(lines, *count, sizeof(*lines), members ? compare_members : compare_lines);
	return lines;
}

static int compare_parent(const void *key, const void *element)
{
	const struct line *line = element;
	uint32_t parent = *(const uint32_t *)key, own = line->counters->meta->items[line->item].parent;

	return parent < own ? -1 : parent > own;
}

/* The members of one rule: from the returned one on, *count of them, at most --top. */
static const struct line *members_of(const struct line *members, size_t total, uint32_t rule, size_t *count)
{
	const struct line *found = bsearch(&rule, members, total, sizeof(*members), compare_parent), *end;

	*count = 0;
	if (!found)
		return NULL;
	while (found > members && compare_parent(&rule, found - 1) == 0)
		found--;
	for (end = found; end < members + total && compare_parent(&rule, end) == 0; end++)
		if (found->counters->top && *count >= found->counters->top)
			break;
		else
			++*count;
	return found;
}

static void print_place(const struct meta *meta, const struct meta_item *item)
{
	struct text file = meta_text(meta, item->file);

	if (item->line) {
		printf("  ");
		clean_put(file);
		printf(":%u", item->line);
	}
	putchar('\n');
}

static void print_item(const struct counters *counters, uint32_t index)
{
	const struct meta *meta = counters->meta;
	const struct meta_item *item = &meta->items[index];
	struct text chain = meta_text(meta, item->chain), text = meta_text(meta, item->text);

	printf("%12" PRIu64 " %15" PRIu64 "  ", counters->tallies[index].packets,
	       counters->tallies[index].bytes);
	if (item->kind == META_MEMBER) {
		printf("    ");
		clean_put(text);
	} else {
		printf("%s%s -%c ", item->family == FAMILY_IPV6 ? "ip6 " : "", table_names[item->table],
		       item->kind == META_POLICY ? 'P' : 'A');
		clean_put(chain);
		putchar(' ');
		clean_put(text);
		printf("%s", item->uncounted ? " (counted in part)" : "");
	}
	print_place(meta, item);
}

static int print_text(const struct counters *counters, const struct line *lines, size_t count,
		      const struct line *members, size_t member_count)
{
	printf("%12s %15s  rule\n", "packets", "bytes");
	for (size_t i = 0; i < count && (!counters->top || i < counters->top); i++) {
		const struct line *own;
		size_t own_count;

		print_item(counters, lines[i].item);
		own = members ? members_of(members, member_count, lines[i].item, &own_count) : NULL;
		for (size_t j = 0; own && j < own_count; j++)
			print_item(counters, own[j].item);
	}
	if (!count)
		printf("%12s %15s  nothing was dropped early so far\n", "0", "0");
	return EXIT_DONE;
}

static struct json_object *item_json(const struct counters *counters, uint32_t index)
{
	static const char *const kinds[] = {
	    [META_RULE] = "rule", [META_POLICY] = "policy", [META_MEMBER] = "member"};
	const struct meta *meta = counters->meta;
	const struct meta_item *item = &meta->items[index];
	struct text chain = meta_text(meta, item->chain), text = meta_text(meta, item->text),
		    file = meta_text(meta, item->file);
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "packets", json_object_new_uint64(counters->tallies[index].packets));
	json_object_object_add(object, "bytes", json_object_new_uint64(counters->tallies[index].bytes));
	json_object_object_add(object, "kind", json_object_new_string(kinds[item->kind]));
	json_object_object_add(object, "text", clean_json(text));
	if (item->line) {
		json_object_object_add(object, "file", clean_json(file));
		json_object_object_add(object, "line", json_object_new_uint64(item->line));
	}
	if (item->kind == META_MEMBER)
		return object;
	json_object_object_add(object, "family", json_object_new_uint64(item->family == FAMILY_IPV6 ? 6 : 4));
	json_object_object_add(object, "table", json_object_new_string(table_names[item->table]));
	json_object_object_add(object, "chain", clean_json(chain));
	if (item->kind == META_RULE)
		json_object_object_add(object, "number", json_object_new_uint64(item->number));
	json_object_object_add(object, "counted_in_part", json_object_new_boolean(item->uncounted));
	return object;
}

static int print_json(const struct counters *counters, const struct line *lines, size_t count,
		      const struct line *members, size_t member_count)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < count && (!counters->top || i < counters->top); i++) {
		struct json_object *object = item_json(counters, lines[i].item);

		if (members) {
			struct json_object *own_list = json_object_new_array();
			size_t own_count;
			const struct line *own = members_of(members, member_count, lines[i].item, &own_count);

			for (size_t j = 0; own && j < own_count; j++)
				json_object_array_add(own_list, item_json(counters, own[j].item));
			if (own_count)
				json_object_object_add(object, "members", own_list);
			else
				json_object_put(own_list);
		}
		json_object_array_add(list, object);
	}
	return command_print_json(list);
}

static int print(const struct counters *counters)
{
	size_t count, member_count = 0;
	struct line *lines = collect(counters, false, &count);
	struct line *members = counters->members ? collect(counters, true, &member_count) : NULL;
	int code;

	if (!lines || (counters->members && !members))
		code = command_fail("counters", EXIT_SYSTEM, "out of memory");
	else if (counters->json)
		code = print_json(counters, lines, count, members, member_count);
	else
		code = print_text(counters, lines, count, members, member_count);
	free(lines);
	free(members);
	return code;
}

static int run(struct counters *counters, struct arena *arena)
{
	struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	struct tally *tallies = NULL;
	struct link link;
	uint32_t id;
	int error = link_read(arena, counters->interface, &link), code;

	if (error == -ENODEV)
		return command_fail("counters", EXIT_SYSTEM,
				    "%s: no such interface in this network namespace", counters->interface);
	if (error)
		return command_fail("counters", EXIT_SYSTEM, "%s: %s%s", counters->interface,
				    strerror(-error), error == -EPERM ? "; weir needs root" : "");
	id = link.xdp_offload ? link.xdp_offload : link.xdp_native ? link.xdp_native : link.xdp_generic;
	error = id ? attachment_open(id, &attachment) : -ENOENT;
	if (error == -ENOENT)
		return command_fail("counters", EXIT_SYSTEM, "%s: weir is not attached there",
				    counters->interface);
	if (error == -EPROTO)
		return command_fail("counters", EXIT_SYSTEM, "%s: attached by another version of weir",
				    counters->interface);
	if (!error)
		error = attachment_count(&attachment, &tallies);
	if (error)
		return command_fail("counters", EXIT_SYSTEM, "%s: cannot read the program's maps: %s%s",
				    counters->interface, strerror(-error),
				    error == -EPERM ? "; weir needs root" : "");
	counters->meta = &attachment.meta;
	counters->tallies = tallies;
	code = print(counters);
	counters->meta = NULL; /* it goes with the attachment */
	counters->tallies = NULL;
	free(tallies);
	return code;
}

static int counters_main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"members", no_argument, NULL, 'm'}, {"top", required_argument, NULL, 't'},
	    {"all", no_argument, NULL, 'a'},     {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},    {NULL, 0, NULL, 0}};
	struct counters counters = {0};
	struct arena *arena;
	int option, code;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'm':
			counters.members = true;
			break;
		case 'a':
			counters.all = true;
			break;
		case 'j':
			counters.json = true;
			break;
		case 't':
			if (number_parse(text_of(optarg), UINT32_MAX, &counters.top) || !counters.top)
				return command_fail("counters", EXIT_USAGE,
						    "--top %s: expected a number from 1 on", optarg);
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 1)
		return command_fail("counters", EXIT_USAGE, "give one interface");
	counters.interface = argv[optind];
	arena = arena_new();
	if (!arena)
		return command_fail("counters", EXIT_SYSTEM, "out of memory");
	code = run(&counters, arena);
	arena_free(arena);
	return code;
}

const struct command command_counters = {"counters", counters_main, "what was dropped early, by rule"};
