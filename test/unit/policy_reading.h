/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the tests of the policy's reader share: policies are read from text, and files that they name are
 * those of the table `files`. */
#ifndef WEIR_TEST_UNIT_POLICY_READING_H
#define WEIR_TEST_UNIT_POLICY_READING_H

#include "read/policy/policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct file {
	const char *name, *text;
} files[] = {
    {"policy/sets.weir", "set admins { 203.0.113.0/24 }\ninclude \"deep/more.weir\"\n"},
    {"policy/deep/more.weir", "define web = 80, 443\nset hosts { file \"hosts.list\" }\n"},
    {"policy/deep/hosts.list", "192.0.2.1\n192.0.2.2\n"},
    {"policy/edge.weir", "# what the tests read stands here\n"},
    {"policy/loop.weir", "allow ping\ninclude \"again.weir\"\n"},
    {"policy/again.weir", "include \"loop.weir\"\n"},
    {"policy/bans.list",
     "# bans\n; of today\n\n198.51.100.0/24 # spam\n198.51.100.7\n2001:db8:bad::/48 ; scans\n"},
    {"policy/old.list", "192.0.2.1 until 2020-01-01\n192.0.2.2\n192.0.2.3 until 2026-10-01T00:00:00Z\n"},
    {"policy/rules.v4", "*filter\nCOMMIT\n"},
    {"/feeds/drop",
     "{\"cidr\":\"198.18.0.0/16\",\"sblid\":\"SBL1\"}\n{\"type\":\"metadata\",\"records\":1}\n"},
};

static inline int read_file(void *context, struct arena *arena, const char *path, struct source **source)
{
	(void)context;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(files[i].name, path) == 0) {
			*source = source_new(arena, files[i].name, files[i].text, strlen(files[i].text));
			return *source ? 0 : -ENOMEM;
		}
	return -ENOENT;
}

/* --- Reading --------------------------------------------------------------------------------------- */

struct reading {
	struct arena *arena;
	struct policy_tree *tree; /* NULL: refused */
	struct buffer said;
};

static inline struct policy_options options_here(void)
{
	return (struct policy_options){.read = read_file, .now = 1795000000}; /* in November 2026 */
}

static inline struct reading read_with(const char *text, const struct policy_options *options)
{
	struct reading reading = {.arena = arena_new()};
	struct diagnostics *sink = diagnostics_new();
	assert_non_null(reading.arena);
	assert_non_null(sink);
	struct source *source = source_new(reading.arena, "policy/edge.weir", text, strlen(text));
	int result = policy_read(reading.arena, sink, source, options, &reading.tree);
	diagnostics_print(sink, &reading.said);
	assert_int_equal(result, diagnostics_errors(sink) ? -EINVAL : 0);
	assert_true((result == 0) == (reading.tree != NULL));
	diagnostics_free(sink);
	return reading;
}

static inline struct reading read_policy(const char *text)
{
	struct policy_options options = options_here();
	return read_with(text, &options);
}

static inline void reading_free(struct reading *reading)
{
	buffer_fini(&reading->said);
	arena_free(reading->arena);
}

/* cmocka cuts what is told at once after 1,023 bytes, its end of line as well. */
static inline void tell(const char *text, const char *said)
{
	print_message("%s", text);
	print_message("\n");
	print_message("%s", said);
	print_message("\n");
}

/* Read without a word said, but of what has no effect. */
static inline struct reading read_good(const char *text)
{
	static const char *const idle[] = {"warning[no-effect-yet]", "warning[mirror-of-one-family]"};
	struct reading reading = read_policy(text);
	const char *said = reading.said.size ? reading.said.data : "";
	if (*said)
		tell(text, said);
	assert_null(strstr(said, "error["));
	assert_true(!*said || strstr(said, "warning["));
	for (; (said = strstr(said, "warning[")); said++)
		assert_true(strncmp(said, idle[0], strlen(idle[0])) == 0 ||
			    strncmp(said, idle[1], strlen(idle[1])) == 0);
	assert_non_null(reading.tree);
	return reading;
}

static inline const struct policy_set *set_of(const struct reading *reading, const char *name)
{
	const struct policy_set *set = policy_find_set(reading->tree, text_of(name));
	assert_non_null(set);
	return set;
}

/* "192.0.2.1-192.0.2.9 tcp 80 "comment" until 12, ...": all of a set, IPv4 first. */
static inline void print_elements(const struct policy_set *set, struct buffer *out)
{
	for (enum family family = FAMILY_IPV4; family < FAMILY_COUNT; family++)
		for (size_t i = 0; i < set->elements[family].count; i++) {
			const struct policy_element *element = &set->elements[family].elements[i];
			buffer_puts(out, out->size ? ", " : "");
			address_print(family, element->low, out);
			if (element->high != element->low) {
				buffer_puts(out, "-");
				address_print(family, element->high, out);
			}
			if (element->protocol)
				buffer_printf(out, " %s %u", element->protocol == IPPROTO_TCP ? "tcp" : "udp",
					      element->port_low);
			if (element->port_high != element->port_low)
				buffer_printf(out, "-%u", element->port_high);
			if (element->comment)
				buffer_printf(out, " \"%s\"", element->comment);
			if (element->expires)
				buffer_printf(out, " until %u", element->expires);
		}
	if (set->includes_self)
		buffer_puts(out, " and self");
	if (set->excepts_self)
		buffer_puts(out, " less self");
}

static inline void check_set(const char *text, const char *name, const char *elements)
{
	struct reading reading = read_good(text);
	struct buffer out = {0};
	print_elements(set_of(&reading, name), &out);
	assert_string_equal(out.data ? out.data : "", elements);
	buffer_fini(&out);
	reading_free(&reading);
}

static inline const struct policy_statement *statement(const struct reading *reading, size_t index,
						       enum policy_kind kind)
{
	assert_true(index < reading->tree->statement_count);
	const struct policy_statement *found = &reading->tree->statements[index];
	assert_int_equal(found->kind, kind);
	return found;
}

static inline void check_span(struct span span, const char *text)
{
	struct buffer out = {0};
	assert_non_null(span.source);
	buffer_add(&out, span.source->data + span.begin, span.end - span.begin);
	assert_string_equal(out.data ? out.data : "", text);
	buffer_fini(&out);
}

/* Refused, and this is what is said first, of which place. */
static inline void check_refused(const char *text, const char *said)
{
	struct reading reading = read_policy(text);
	const char *line = reading.said.data ? strstr(reading.said.data, said) : NULL;
	if (!line || reading.tree)
		print_message("--- policy\n%s\n--- expected\n%s\n--- said\n%s\n", text, said,
			      reading.said.data ? reading.said.data : "nothing\n");
	assert_non_null(line);
	assert_null(reading.tree);
	reading_free(&reading);
}

#endif
