/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines: "set NAME TYPE TIMEOUT", for each of its list files "file PATH", and for what a failsafe lets in
 * "failsafe FAMILY LOW HIGH PLACE", with tabs in between. */
#include "command/set_lists.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Without one, --permanent says that the set has no file. */
static void print_file(const char *name, struct buffer *out)
{
	char *path = realpath(name, NULL);

	for (const char *c = path; c && *c; c++)
		if ((unsigned char)*c < ' ') {
			free(path);
			return;
		}
	if (path)
		buffer_printf(out, "file\t%s\n", path);
	free(path);
}

static int print_failsafe(void *context, const struct policy_statement *failsafe, enum family family,
			  struct address_range range)
{
	struct span span = failsafe->span;
	struct buffer *out = context;

	buffer_printf(out, "failsafe\t%d\t", (int)family);
	address_print(family, range.low, out);
	buffer_puts(out, "\t");
	address_print(family, range.high, out);
	buffer_puts(out, "\t");
	for (const char *c = span.source->name; *c; c++)
		buffer_printf(out, "%c", (unsigned char)*c < ' ' ? '?' : *c);
	buffer_printf(out, ":%u\n", source_locate(span.source, span.begin).line);
	return 0;
}

void set_lists_print(const struct ruleset *ruleset, struct buffer *out)
{
	for (size_t i = 0; i < ruleset->policy_count; i++) {
		const struct policy_tree *tree = ruleset->policies[i];
		for (size_t k = 0; k < tree->set_count; k++) {
			const struct policy_set *set = tree->sets[k];
			if (set->builtin)
				continue;
			buffer_printf(out, "set\t%.*s\t%d\t%" PRIu32 "\n", (int)set->name.size,
				      set->name.data, (int)set->type, set->timeout);
			for (size_t n = 0; n < set->list_count; n++)
				print_file(set->lists[n].source->name, out);
			policy_failsafe_sources(tree, set, print_failsafe, out);
		}
	}
}

static int add_file(struct arena *arena, struct set_lists *lists, const char *path)
{
	const char **place =
	    arena_push(arena, (void **)&lists->files, &lists->count, &lists->capacity, sizeof(*place));

	if (!place)
		return -ENOMEM;
	*place = path;
	return 0;
}

static int add_failsafe(struct arena *arena, struct set_lists *lists, const char *number, char *rest)
{
	struct set_failsafe *failsafe = arena_push(arena, (void **)&lists->failsafes, &lists->failsafe_count,
						   &lists->failsafe_capacity, sizeof(*failsafe));
	const char *low = strsep(&rest, "\t"), *high = strsep(&rest, "\t");
	uint64_t family;

	if (!failsafe)
		return -ENOMEM;
	if (!high || !rest || number_parse(text_of(number), FAMILY_COUNT - 1, &family))
		return -EBADMSG;
	failsafe->family = (enum family)family;
	failsafe->place = rest;
	return address_parse(failsafe->family, text_of(low), &failsafe->range.low) ||
		       address_parse(failsafe->family, text_of(high), &failsafe->range.high)
		   ? -EBADMSG
		   : 0;
}

/* `line` ends with NUL. */
static int take_line(struct arena *arena, char *line, const char *name, struct set_lists *lists, bool *inside)
{
	uint64_t type, timeout;
	char *rest = line, *kind = strsep(&rest, "\t"), *first = strsep(&rest, "\t");

	if (!first)
		return -EBADMSG;
	if (strcmp(kind, "file") == 0)
		return *inside ? add_file(arena, lists, first) : 0;
	if (strcmp(kind, "failsafe") == 0)
		return *inside ? add_failsafe(arena, lists, first, rest) : 0;
	char *second = strsep(&rest, "\t");
	if (strcmp(kind, "set") != 0 || !second || !rest ||
	    number_parse(text_of(second), POLICY_SET_NET_PORT, &type) ||
	    number_parse(text_of(rest), UINT32_MAX, &timeout))
		return -EBADMSG;
	*inside = strcmp(first, name) == 0;
	if (*inside) {
		lists->found = true;
		lists->type = (enum policy_set_type)type;
		lists->timeout = (uint32_t)timeout;
	}
	return 0;
}

int set_lists_read(struct state_store *store, struct arena *arena, uint32_t number, const char *name,
		   struct set_lists *lists, struct buffer *why)
{
	struct text text = {0};
	bool inside = false;
	int error = number ? state_read(store, arena, number, STATE_LISTS, &text, why) : -ENOENT;

	*lists = (struct set_lists){0};
	if (error == -ENOENT) { /* rules that are no policy */
		why->size = 0;
		return 0;
	}
	char *copy = error ? NULL : arena_copy(arena, text.data, text.size);
	if (!error && !copy)
		error = -ENOMEM;
	for (char *rest = copy, *line; !error && (line = strsep(&rest, "\n")) && rest;)
		error = take_line(arena, line, name, lists, &inside);
	if (error == -EBADMSG && !why->size)
		buffer_printf(why, "%s/states/%" PRIu32 "/" STATE_LISTS ": damaged", store->path, number);
	return error;
}
